"""A contradiction names the facts that rest on the words that disagree."""

from fhir_service.extraction.implicated import implicated
from fhir_service.reports.case_report import (
    Case,
    CaseReport,
    Coded,
    ConditionFact,
    GroupStatement,
    ObservationFact,
    Remark,
)
from fhir_service.reports.span import SourceSpan

REPORT = CaseReport(
    case=(
        Case(
            number=1,
            id="1/patient",
            condition=(ConditionFact(id="1/c", role="symptom", kind=Coded(text="pain"), span=(SourceSpan(10, 5),)),),
            observation=(ObservationFact(id="1/o", kind=Coded(code="finding"), span=(SourceSpan(40, 5),)),),
            remark=(Remark(id="1/r", kind=Coded(code="citation"), span=(SourceSpan(100, 5), SourceSpan(12, 1))),),
        ),
        Case(
            number=2,
            id="2/patient",
            condition=(ConditionFact(id="2/c", role="symptom", kind=Coded(text="pain"), span=(SourceSpan(60, 5),)),),
        ),
    ),
    group_statement=(GroupStatement(id="0/statement-1", about=Coded(text="leakage"), span=(SourceSpan(80, 5),)),),
)


def test_facts_of_one_patient_name_that_patient() -> None:
    assert implicated(REPORT, [SourceSpan(12, 2), SourceSpan(44, 9)]) == (("1/c", "1/o"), "1/patient")


def test_facts_of_two_patients_or_of_a_group_name_none() -> None:
    assert implicated(REPORT, [SourceSpan(12, 2), SourceSpan(60, 1)]) == (("1/c", "2/c"), None)
    assert implicated(REPORT, [SourceSpan(12, 2), SourceSpan(80, 1)]) == (("1/c", "0/statement-1"), None)


def test_words_beside_a_fact_are_not_its_words() -> None:
    assert implicated(REPORT, [SourceSpan(15, 5)]) == ((), None)


def test_a_remark_alone_names_the_patient_it_is_of_and_is_not_about_him() -> None:
    assert implicated(REPORT, [SourceSpan(100, 2)]) == (("1/patient",), None)
    assert implicated(REPORT, [SourceSpan(100, 2), SourceSpan(60, 1)]) == (("2/c",), "2/patient")
