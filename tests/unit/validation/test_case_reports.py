"""A case report in logical-model JSON: what is wrong in its structure, its codes and its references."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from case_report_cases import report

from fhir_service.validation.case_reports import case_report_findings, is_case_report
from fhir_service.validation.json_text import read_json

GOLDEN = Path(__file__).parents[2] / "golden"
COMPLICATION: dict[str, Any] = {
    "id": "1/complication-1",
    "kind": {"code": "infection", "text": "spondylodiscitis"},
    "level": [{"code": "L1"}],
    "onset": {"relation": "after", "event": "1/index-1", "value": 3, "unit": "wk"},
    "suspect": ["1/index-1"],
}


def with_complication(**changes: Any) -> dict[str, Any]:
    changed = {name: value for name, value in {**COMPLICATION, **changes}.items() if value is not ...}
    return report({"case": {"complication": [changed]}})


def found(case_report: Any) -> list[tuple[str | None, str]]:
    return [(issue.rule, issue.expression[0]) for issue in case_report_findings(case_report)]


AT = "case[0].complication[0]"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/case-report.json")), ids=lambda path: path.parent.name)
def test_the_golden_case_reports_have_no_findings(path: Path) -> None:
    assert case_report_findings(read_json(path.read_bytes())) == []


@pytest.mark.parametrize(
    ("changes", "rule", "where"),
    [
        ({"onst": {}}, "unknown-element", f"{AT}.onst"),
        ({"_kind": {}}, "unknown-element", f"{AT}._kind"),
        ({"odd name": 1}, "unknown-element", f"{AT}.`odd name`"),
        ({"kind": ...}, "required", f"{AT}.kind"),
        ({"kind": "infection"}, "type", f"{AT}.kind"),
        ({"kind": [{"code": "infection"}]}, "cardinality", f"{AT}.kind"),
        ({"level": {"code": "L1"}}, "cardinality", f"{AT}.level"),
        ({"level": []}, "empty", f"{AT}.level"),
        ({"onset": None}, "empty", f"{AT}.onset"),
        ({"onset": {}}, "empty", f"{AT}.onset"),
        ({"level": [{"code": "L9"}]}, "code", f"{AT}.level[0].code"),
        ({"kind": {"code": "leak"}}, "code", f"{AT}.kind.code"),
        ({"outcome": {"code": "Fatal"}}, "code", f"{AT}.outcome.code"),
        ({"polarity": "yes"}, "code", f"{AT}.polarity"),
        ({"onset": {**COMPLICATION["onset"], "unit": "weeks"}}, "code", f"{AT}.onset.unit"),
        ({"onset": {**COMPLICATION["onset"], "value": "3"}}, "primitive", f"{AT}.onset.value"),
        ({"onset": {"date": "last May"}}, "primitive", f"{AT}.onset.date"),
        ({"confidence": True}, "primitive", f"{AT}.confidence"),
        ({"suspect": ["1/index-2"]}, "reference", f"{AT}.suspect[0]"),
        ({"suspect": ["1/complication-1"]}, "reference", f"{AT}.suspect[0]"),
        ({"onset": {**COMPLICATION["onset"], "event": "1/patient"}}, "reference", f"{AT}.onset.event"),
        ({"id": "1/index-1"}, "duplicate-id", f"{AT}.id"),
    ],
)
def test_each_fault_is_told_once_at_its_own_path(changes, rule, where) -> None:
    assert found(with_complication(**changes)) == [(f"case-report.{rule}", where)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"onst": {}}, "'onst'; did you mean onset?"),
        ({"kind": {"code": "cement-leak"}}, "cement-leakage-epidural (Epidural cement leakage)"),
        ({"kind": {"code": "Pulmonary cement embolism"}}, "pulmonary-cement-embolism"),
        ({"kind": {"code": "qqq"}}, "words that no code stands for go into text"),
        ({"outcome": {"code": "cured"}}, "allowed: resolved, recovering"),
        ({"level": {"code": "L1"}}, "write ["),
        ({"suspect": ["1/index-2"]}, "1/index-1"),
        ({"suspect": ["1/complication-1"]}, "is a complication; suspect names the id of a procedure"),
        ({"id": "1/index-1"}, "case[0].procedure[0]"),
    ],
)
def test_the_text_says_what_was_found_what_is_allowed_and_how_to_mend_it(changes, told) -> None:
    (issue,) = case_report_findings(with_complication(**changes))
    assert told in issue.text


def test_a_fact_of_another_patient_is_not_to_be_referred_to() -> None:
    first, second = with_complication()["case"][0], copy.deepcopy(with_complication()["case"][0])
    second |= {"number": 2, "id": "2/patient"}
    second["procedure"][0]["id"], second["complication"][0]["id"] = "2/index-1", "2/complication-1"
    text = "is a fact of another patient"
    issues = case_report_findings({"case": [first, second]})
    assert [issue.expression[0] for issue in issues if text in issue.text] == [
        "case[1].complication[0].onset.event",
        "case[1].complication[0].suspect[0]",
    ]


def test_a_contradiction_may_implicate_any_fact_and_names_a_patient() -> None:
    stated = with_complication()
    one = {"id": "0/c", "detail": "41 % against 9 of 23", "implicated": ["1/complication-1"], "patient": "1/patient"}
    assert found({**stated, "contradiction": [one]}) == []
    wrong = {**one, "implicated": ["1/x"], "patient": "1/index-1"}
    assert found({**stated, "contradiction": [wrong]}) == [
        ("case-report.reference", "contradiction[0].implicated[0]"),
        ("case-report.reference", "contradiction[0].patient"),
    ]


def test_a_submission_need_not_bring_what_the_service_adds_to_the_source() -> None:
    assert found({**with_complication(), "source": {"doi": "10.1000/1", "year": 2019}}) == []
    assert found({**with_complication(), "source": {"year": "2019"}}) == [("case-report.primitive", "source.year")]


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_what_is_no_object_is_no_case_report(value) -> None:
    assert found(value) == [("case-report.type", "CaseReport")]


def test_nothing_is_told_to_be_empty() -> None:
    assert found({}) == [("case-report.empty", "CaseReport")]
    assert found({"case": [3, {}]}) == [("case-report.type", "case[0]"), ("case-report.empty", "case[1]")]


def test_findings_beyond_a_thousand_are_counted_not_listed() -> None:
    issues = case_report_findings({"case": [{}] * 2000})
    assert len(issues) == 1001
    assert issues[-1].rule == "case-report.more"


def test_all_fault_kinds_of_one_report_come_in_one_pass() -> None:
    broken = with_complication(onst={}, kind={"code": "leak"}, suspect=["1/x"], level=[{"code": "T5"}])
    assert {rule for rule, _ in found(broken)} == {
        "case-report.unknown-element",
        "case-report.code",
        "case-report.reference",
        "case-report.complication-level",
    }


def test_a_case_report_is_told_from_a_resource() -> None:
    assert is_case_report({"case": []})
    assert is_case_report({"resourceType": "CaseReport"})
    assert not is_case_report({"resourceType": "Patient", "case": []})
    assert not is_case_report({"id": "x"})
    assert not is_case_report([])
    assert found({"resourceType": "CaseReport", **with_complication()}) == []
