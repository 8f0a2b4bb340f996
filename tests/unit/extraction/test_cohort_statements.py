"""What a report says of groups."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_service.extraction import cohort_statements
from fhir_service.extraction.document import Document
from fhir_service.reports.case_report import GroupStatement


def _statements(text: str) -> list[GroupStatement]:
    return list(cohort_statements.read(Document.read(f"DISCUSSION\n\n{text}\n")))


def _numbers(fact: GroupStatement) -> dict[str, str]:
    names = ("percent", "percent_low", "percent_high", "numerator", "denominator", "count", "mean", "low", "high")
    return {name: str(getattr(fact, name)) for name in names if getattr(fact, name) is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lee et al. reported cement leakage in 43 % of VP.", [{"percent": "43"}]),
        ("The rates were 66 and 74 %.", [{"percent": "74"}]),
        ("Agreement ranged only between 66 and 74 %.", [{"percent_low": "66", "percent_high": "74"}]),
        ("The incidence ranges from 5 to 87%.", [{"percent_low": "5", "percent_high": "87"}]),
        ("Leakage occurs in up to 65% of cases.", [{"percent_high": "65"}]),
        ("Four out of 251 patients developed radiculopathy.", [{"numerator": "4", "denominator": "251"}]),
        ("Of 251 patients, four developed radiculopathy.",
         [{"count": "251"}, {"numerator": "4", "denominator": "251"}]),
        ("One of 222 patients (0.45%) had radiculopathy.",
         [{"percent": "0.45", "numerator": "1", "denominator": "222"}]),
        ("The rate of infection is 0.5% (3/604).", [{"percent": "0.5", "numerator": "3", "denominator": "604"}]),
        ("They reviewed 3175 patients, and only four patients had deficits (0.26%).",
         [{"percent": "0.26", "numerator": "4", "denominator": "3175"}, {"count": "3175"}]),
        ("We had 21 patients, and no patients developed symptoms.",
         [{"count": "21"}, {"numerator": "0", "denominator": "21"}]),
        ("All four patients had a broken rim.", [{"numerator": "4", "denominator": "4"}]),
        ("The other 247 patients had an intact rim.", [{"numerator": "247", "denominator": "247"}]),
        ("A total of 88 patients were treated; 80 recovered and 8 died.",
         [{"count": "88"}, {"numerator": "80", "denominator": "88"}, {"numerator": "8", "denominator": "88"}]),
        ("It developed at an average of 3 months after surgery.", [{"mean": "3"}]),
        ("The ages of the patients ranged from 68 to 89 years.", [{"low": "68", "high": "89"}]),
        ("At least six deaths have been reported.", [{"count": "6"}]),
        ("A mortality of 16.7% (4 of 24) was described.", [{"percent": "16.7", "numerator": "4", "denominator": "24"}]),
        ("Of the 11 patients, 6 were women and 3 recovered.",
         [{"numerator": "6", "denominator": "11"}, {"numerator": "3", "denominator": "11"}]),
        ("A total of 412 patients were treated; four of them had complications.",
         [{"count": "412"}, {"numerator": "4", "denominator": "412"}]),
        ("Among 9 cases, 5 were operated again, and 2 of them became paraplegic.",
         [{"count": "9"}, {"numerator": "5", "denominator": "9"}, {"numerator": "2", "denominator": "5"}]),
        ("About one patient in forty drops the pressure.", [{"numerator": "1", "denominator": "40"}]),
    ],
)  # fmt: skip
def test_a_statement_has_the_numbers_it_states(text: str, expected: list[dict[str, str]]) -> None:
    assert [_numbers(fact) for fact in _statements(text)] == expected


def test_every_item_of_a_list_is_about_its_own_thing() -> None:
    found = _statements("Complications were leakage (8.1%), adjacent fracture (9.4%), and death (0.13%).")
    assert [(str(f.percent), f.about.text) for f in found] == [
        ("8.1", "leakage (8.1%)"), ("9.4", "adjacent fracture (9.4%)"), ("0.13", "death (0.13%)"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "The vertebra had lost 50% of its height.",
        "Oxygen saturation fell to 84%.",
        "The confidence interval was 95%.",
        "She was treated for three weeks.",
    ],
)
def test_a_percentage_of_something_else_is_no_statement(text: str) -> None:
    assert _statements(text) == []


def test_a_percentage_of_vertebrae_gets_no_patients_as_whole() -> None:
    found = _statements("In a series of 120 patients with 150 fractures, leakage was seen in 30 patients (20%).")
    assert found[0].percent == Decimal(20)
    assert found[0].denominator is None


def test_the_span_slices_back_to_the_words() -> None:
    text = "DISCUSSION\n\nLeak-\nage was seen in 43 % of VP.\n"
    (fact,) = cohort_statements.read(Document.read(text))
    assert fact.span[0].words(text) == "Leak-\nage was seen in 43 % of VP"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Four of 251 patients had a leak.", []),
        ("We treated 14 patients. Four of them had a leak and 10 patients had none.", ["14 patients"]),
    ],
)
def test_a_whole_told_of_elsewhere_keeps_its_words(text: str, whole: list[str]) -> None:
    stored = f"DISCUSSION\n\n{text}\n"
    found = [fact for fact in cohort_statements.read(Document.read(stored)) if fact.denominator is not None]
    assert found
    assert {span.words(stored) for fact in found for span in fact.denominator_span} == set(whole)
