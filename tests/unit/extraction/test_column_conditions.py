"""A table whose columns are patients, and the diagnoses its rows give them."""

from __future__ import annotations

from reading import read

TWO = (
    "CASE REPORT\n\nCase 1\n\nA 77-year-old woman with a T12 fracture underwent kyphoplasty. She complained of groin "
    "pain 2 months after surgery, and radiculopathy was diagnosed.\n\n"
    "Case 2\n\nA 78-year-old woman with an L2 fracture underwent kyphoplasty. Radiculopathy began 3 weeks after "
    "surgery.\n\n"
    "Table 1 Summary of cases\n\nCase 1 Case 2\n\nAge 77 78\n\nEtiology osteoporosis multiple myeloma\n\n"
    "Symptoms Groin pain Anterior thigh pain\n\nDuration until radiculopathy 8 weeks 3 months\n\n"
    "DISCUSSION\n\nRadiculopathy is rare.\n"
)


def test_what_the_fracture_came_from_is_its_cause() -> None:
    causes = [[cause.text for fact in case.condition for cause in fact.cause] for case in read(TWO).case]
    assert causes == [["osteoporosis"], ["multiple myeloma"]]


def test_a_symptom_told_again_is_one_more_place_and_a_new_one_is_a_fact() -> None:
    one, two = read(TWO).case
    (groin,) = [fact for fact in one.condition if fact.role == "symptom"]
    assert len(groin.span) == 2
    assert [fact.kind.text for fact in two.condition if fact.role == "symptom"] == ["Anterior thigh pain"]


def test_an_onset_told_again_in_other_units_is_one_more_place_and_another_one_is_not() -> None:
    onsets = [fact.onset for case in read(TWO).case for fact in case.complication if fact.kind.code == "radiculopathy"]
    assert [(str(onset.value), onset.unit, len(onset.span)) for onset in onsets if onset] == [
        ("2", "mo", 2),
        ("3", "wk", 1),
    ]
