"""What the augmentation was for, what else the patient had, and what stayed."""

from __future__ import annotations

import pytest
from reading import codes, only

from fhir_service.reports.case_report import ConditionFact, Polarity


def _conditions(told: str, role: str) -> list[ConditionFact]:
    return [c for c in only(f"CASE REPORT\n\n{told}").condition if c.role == role]


@pytest.mark.parametrize(
    ("told", "levels"),
    [
        (
            "A 70-year-old woman underwent kyphoplasty for a burst fracture of T12. Later a new fracture of "
            "T11 was seen.",
            ["T12"],
        ),
        (
            "A 75-year-old woman fell. MRI showed acute fractures of T12 and L1. Kyphoplasty of T12 and L1 was done.",
            ["T12", "L1"],
        ),
        ("A 77-year-old woman had vertebroplasty at L4 for a compression fracture.", ["L4"]),
        ("A 78-year-old woman with a T12 VCF underwent kyphoplasty. The pain was gone.", ["T12"]),
        ("An 80-year-old woman with Kümmell's disease of L1 underwent vertebroplasty.", ["L1"]),
        ("A 45-year-old woman with an aggressive haemangioma at T9 was treated by vertebroplasty.", ["T9"]),
        (
            "A 73-year-old woman fell. An intravertebral cleft was seen at T11. Kyphoplasty was done for an "
            "osteoporotic fracture.",
            ["T11"],
        ),
        (
            "A 70-year-old woman underwent vertebroplasty of L1 for a fracture of L1. Then L2, the adjacent "
            "vertebra, had a fracture.",
            ["L1"],
        ),
    ],
)
def test_the_indication_has_the_levels_that_were_fractured(told: str, levels: list[str]) -> None:
    (indication,) = _conditions(told, "indication")
    assert codes(indication.level) == levels


def test_a_possible_fracture_is_a_provisional_indication() -> None:
    (indication,) = _conditions(
        "A 66-year-old woman fell. The possibility of an acute fracture of T10 was considered. "
        "Vertebroplasty of T10 was done.",
        "indication",
    )
    assert indication.polarity is Polarity.HYPOTHETICAL


def test_the_cause_of_a_fracture_is_kept_and_is_no_comorbidity() -> None:
    told = "A 49-year-old man had a pathologic fracture of T12 due to multiple myeloma. Vertebroplasty was done."
    assert _conditions(told, "comorbidity") == []


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("An 84-year-old woman with underlying hypertension and asthma underwent vertebroplasty.",
         ["hypertension", "asthma"]),
        ("A 73-year-old man with atrial fibrillation and multiple myeloma underwent kyphoplasty.",
         ["atrial fibrillation", "multiple myeloma"]),
        ("A 70-year-old woman came. Her medical history was significant for type 2 diabetes "
         "mellitus and stroke. Vertebroplasty was done.",
         ["type 2 diabetes mellitus", "stroke"]),
        ("A 63-year-old woman, who once had a pulmonary embolism, underwent vertebroplasty. The pain was gone.",
         ["pulmonary embolism"]),
        ("A 70-year-old woman had a previous diagnosis of osteoporosis. Vertebroplasty was done.", ["osteoporosis"]),
        ("A 70-year-old woman was taking prednisolone for rheumatoid arthritis. Vertebroplasty was done.",
         ["rheumatoid arthritis"]),
        ("A 70-year-old woman was allergic to many foods and medications. Vertebroplasty was done.",
         ["allergy to foods and medications"]),
    ],
)  # fmt: skip
def test_comorbidities_are_read_as_written(told: str, expected: list[str]) -> None:
    assert [c.kind.text for c in _conditions(told, "comorbidity")] == expected


@pytest.mark.parametrize(
    "told",
    [
        "A 70-year-old woman underwent vertebroplasty. Her mother had had diabetes.",
        "A 70-year-old woman underwent vertebroplasty. She developed pneumonia and died of heart failure.",
        "A 70-year-old woman denied treatment for osteoporosis. Vertebroplasty was done.",
        "A 70-year-old woman underwent vertebroplasty. At once she had hypertension (190/90 mm Hg).",
    ],
)
def test_what_is_no_comorbidity_gives_none(told: str) -> None:
    assert _conditions(told, "comorbidity") == []


def test_a_denied_disease_is_refuted() -> None:
    (diabetes,) = _conditions(
        "A 70-year-old woman with no history of diabetes underwent vertebroplasty.", "comorbidity"
    )
    assert diabetes.polarity is Polarity.NEGATED


@pytest.mark.parametrize("told", ["with cured breast cancer", "who had been cured of breast cancer"])
def test_a_cured_disease_is_resolved(told: str) -> None:
    (cancer,) = _conditions(f"A 70-year-old woman {told} underwent vertebroplasty.", "comorbidity")
    assert cancer.kind.text == "breast cancer"
    assert cancer.clinical_status is not None
    assert cancer.clinical_status.code == "resolved"


def test_a_fear_makes_no_condition() -> None:
    assert (
        _conditions("A 70-year-old woman underwent vertebroplasty. She was scared of getting a fever.", "symptom") == []
    )


def test_a_symptom_has_its_side() -> None:
    (pain,) = _conditions(
        "A 70-year-old woman underwent vertebroplasty. She complained of left anterior thigh pain.", "symptom"
    )
    assert pain.side is not None
    assert pain.side.code == "left"


def test_what_stays_is_a_sequela() -> None:
    told = "A 70-year-old woman underwent vertebroplasty. Cement leaked. She was left with a neurogenic bladder."
    assert [c.kind.text for c in _conditions(told, "sequela")] == ["neurogenic bladder"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("At the last visit she walks with a stick and urinary urgency continues.",
         ["walks with a stick", "urinary urgency continues"]),
        ("One year later she remains paraplegic and depends on a wheelchair.",
         ["remains paraplegic", "depends on a wheelchair"]),
        ("A numb patch is still there and phantom pain torments her.", ["numb patch", "phantom pain"]),
    ],
)  # fmt: skip
def test_a_lasting_disability_is_a_sequela(told: str, expected: list[str]) -> None:
    case = f"A 70-year-old woman underwent vertebroplasty. Cement leaked. {told}"
    assert [c.kind.text for c in _conditions(case, "sequela")] == expected


def test_what_was_there_before_the_augmentation_is_no_sequela() -> None:
    told = "A 70-year-old woman walked with a stick. She underwent vertebroplasty. Cement leaked."
    assert _conditions(told, "sequela") == []


def test_what_is_told_afterwards_of_the_time_before_is_no_sequela() -> None:
    told = (
        "A 70-year-old woman underwent vertebroplasty. Cement leaked. Before the procedure she had walked with a cane."
    )
    assert _conditions(told, "sequela") == []


def test_hay_fever_is_no_fever() -> None:
    assert _conditions("A 70-year-old woman with hay fever underwent vertebroplasty.", "symptom") == []
