"""What was found, and what was denied."""

from __future__ import annotations

import pytest
from reading import only, read

from fhir_service.reports.case_report import Polarity

START = "CASE REPORT\n\nA 70-year-old woman underwent vertebroplasty for an L1 fracture. "


def _findings(told: str, polarity: Polarity) -> list[str | None]:
    case = only(START + told)
    return [o.kind.text for o in case.observation if o.kind.code == "finding" and o.polarity is polarity]


@pytest.mark.parametrize(
    ("told", "denied"),
    [
        ("There was no cement leakage.", ["cement leakage"]),
        (
            "No evidence of cement leakage, pulmonary embolism or pneumothorax was found.",
            ["cement leakage", "pulmonary embolism", "pneumothorax"],
        ),
        (
            "Neither metallic failure nor a subsequent fracture had occurred.",
            ["metallic failure", "subsequent fracture"],
        ),
        ("She was discharged without any postoperative complications.", ["postoperative complications"]),
        ("The cement was excised without dural tear or any nerve root injury.", ["dural tear", "nerve root injury"]),
        ("Blood tests to rule out an infectious condition were normal.", ["infectious condition"]),
        ("Blood tests, done in order to exclude an infection, gave normal results.", ["infection"]),
        ("Bowel and bladder function remained normal.", ["abnormal Bowel and bladder function"]),
        ("Lumbar motion was not restricted.", ["Lumbar motion restricted"]),
        ("CT ruled out an epidural haematoma.", ["epidural haematoma"]),
        (
            "She denied bowel or bladder incontinence and saddle anaesthesia.",
            ["bowel or bladder incontinence", "saddle anaesthesia"],
        ),
        ("She denied medical treatment for osteoporosis.", ["medical treatment"]),
        ("Cultures of the specimens were negative.", ["positive Cultures of the specimens"]),
        ("Anal tone was preserved.", ["abnormal Anal tone"]),
    ],
)
def test_a_denial_is_a_finding_that_was_not_there(told: str, denied: list[str]) -> None:
    assert _findings(told, Polarity.NEGATED) == denied


@pytest.mark.parametrize(
    "told",
    [
        "The pain was not relieved by drugs.",
        "Infection could not be excluded.",
        "There is no doubt about leakage.",
        "Surgery was advised to prevent infection.",
    ],
)
def test_what_is_not_denied_is_not_negated(told: str) -> None:
    assert _findings(told, Polarity.NEGATED) == []


def test_a_denied_complication_is_no_complication() -> None:
    assert only(START + "There was no cement leakage and no infection.").complication == ()


def test_a_finding_names_how_it_was_seen() -> None:
    case = only(START + "Computed tomography showed no cement leakage.")
    (finding,) = [o for o in case.observation if o.kind.code == "finding"]
    assert finding.method is not None
    assert finding.method.text == "Computed tomography"


def test_a_seen_finding_has_its_level() -> None:
    case = only(
        "CASE REPORT\n\nA 70-year-old woman fell. MRI showed an intravertebral cleft at T11. Kyphoplasty was performed."
    )
    (finding,) = [o for o in case.observation if o.kind.text == "intravertebral cleft"]
    assert [level.code for level in finding.level] == ["T11"]
    assert finding.polarity is Polarity.AFFIRMED


def test_the_same_denial_in_two_places_is_one_fact() -> None:
    text = START + "There was no dural tear. Surgery ended without dural tear."
    (finding,) = [o for o in only(text).observation if o.polarity is Polarity.NEGATED]
    assert len(finding.span) == 2


def test_a_denial_for_all_patients_of_a_series_is_one_of_each() -> None:
    text = (
        "Abstract\n\nCase presentation: All four patients had kyphoplasty. No leakage of cement was observed.\n\n"
        "CASE REPORT\n\n"
        + "".join(
            f"Case {n}\nA {60 + n}-year-old woman with an L{n} fracture underwent kyphoplasty. "
            "She developed radiculopathy.\n\n"
            for n in range(1, 5)
        )
    )
    cases = read(text).case
    assert len(cases) == 4
    assert all(any(o.polarity is Polarity.NEGATED for o in case.observation) for case in cases)
