"""What the facts of a form say of each other holds together."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.mapping.fact_references import kinds, reference_faults
from fhir_service.mapping.identity import REFERENCES

INDEX, PAIN = {"id": "1/index-1"}, {"id": "1/pain"}


def report(**facts: Any) -> dict[str, Any]:
    first = {"id": "1/patient", "procedure": [INDEX], "condition": [PAIN], **facts}
    return {"case": [first, {"id": "2/patient", "procedure": [{"id": "2/index-1"}]}]}


def complication(**parts: Any) -> dict[str, Any]:
    return report(complication=[{"id": "1/complication-1", **parts}])


def test_references_that_lead_to_a_fact_of_their_kind_are_right() -> None:
    right = complication(suspect=["1/index-1"], condition="1/pain", onset={"event": "1/index-1"})
    contradictions = [{"id": "0/contradiction-1", "implicated": ["1/pain", "2/index-1"], "patient": "1/patient"}]
    assert reference_faults({**right, "contradiction": contradictions}) == []


@pytest.mark.parametrize(
    ("parts", "place", "text"),
    [
        ({"suspect": ["1/index-1", "1/index-9"]}, "suspect[1]", "there is no fact '1/index-9'"),
        ({"suspect": ["1/pain"]}, "suspect[0]", "'1/pain' is not an operation"),
        ({"condition": "1/index-1"}, "condition", "'1/index-1' is not a condition"),
        ({"onset": {"event": "2/index-1"}}, "onset.event", "'2/index-1' is of another patient"),
    ],
)
def test_a_reference_that_leads_elsewhere_is_told(parts: dict[str, Any], place: str, text: str) -> None:
    (fault,) = reference_faults(complication(**parts))
    assert fault == (f"CaseReport.case[0].complication[0].{place}", text)


def test_two_facts_cannot_have_one_id() -> None:
    (fault,) = reference_faults(report(observation=[{"id": "1/index-1"}]))
    assert fault == ("CaseReport.case[0].observation[0].id", "'1/index-1' names another fact already")


def test_every_element_that_refers_to_a_fact_is_checked() -> None:
    assert kinds().keys() == REFERENCES - {"group"}, "the group of a statement is named when it is mapped"
