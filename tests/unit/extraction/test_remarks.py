"""What else a report says of a patient."""

from __future__ import annotations

import pytest
from reading import only

START = "CASE REPORT\n\nA 70-year-old woman underwent vertebroplasty for an L1 fracture. "


def _remarks(told: str) -> list[tuple[str | None, str | None]]:
    return [(remark.kind.code, remark.kind.text) for remark in only(START + told).remark]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Heparin was given.", [("medication", "Heparin")]),
        ("She gave informed consent.", [("consent", "informed consent")]),
        ("She was transferred to our hospital.", [("transfer", "was transferred to our hospital")]),
        ("She was discharged home.", [("discharge", "was discharged home")]),
    ],
)
def test_a_remark_is_named_by_what_it_is(told: str, expected: list[tuple[str, str]]) -> None:
    assert _remarks(told) == expected


def test_a_dose_stands_before_or_behind_the_drug() -> None:
    case = only(START + "Enoxaparin 40 mg was begun, and 10mg of dexamethasone was given.")
    assert [(r.kind.text, str(r.value), r.unit) for r in case.remark] == [
        ("Enoxaparin", "40", "mg"), ("dexamethasone", "10", "mg"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "told", ["Antibiotics were not given.", "Heparin induced thrombocytopenia developed.", "Steroids should be given."]
)
def test_what_was_not_given_is_no_remark(told: str) -> None:
    assert _remarks(told) == []
