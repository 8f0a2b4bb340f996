"""Measurements: value, unit, side, time, printed range; and what is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from reading import only

from fhir_service.extraction import measurements
from fhir_service.extraction.document import Document
from fhir_service.extraction.patients import find_patients
from fhir_service.reports.case_report import ObservationFact, Relation

START = "CASE REPORT\n\nA 70-year-old woman underwent vertebroplasty for an L1 fracture. "


def _measured(told: str, start: str = START) -> list[ObservationFact]:
    return [o for o in only(start + told).observation if o.kind.code not in ("finding", "follow-up-duration")]


def _values(told: str) -> list[tuple[str | None, str]]:
    return [(o.kind.code, str(o.value)) for o in _measured(told)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Her Visual Analog Scale (VAS) was 9.", [("vas", "9")]),
        ("The VAS score fell from eight to three.", [("vas", "8"), ("vas", "3")]),
        ("She scored 7 on the numeric rating scale.", [("nrs", "7")]),
        ("Her pain was rated 8/10 on the VAS.", [("vas", "8")]),
        ("VAS and ODI improved from 8 and 72 to 2 and 20.", [("vas", "8"), ("odi", "72"), ("vas", "2"), ("odi", "20")]),
        (
            "At 6 months VAS was 2 and ODI 18 %, at 12 months 1 and 12 %.",
            [("vas", "2"), ("odi", "18"), ("vas", "1"), ("odi", "12")],
        ),
        ("ESR and CRP rose to 63 mm/hr and 49.67 mg/L, respectively.", [("esr", "63"), ("crp", "49.67")]),
        ("ESR, CRP and WBC were 88 mm/h, 120 mg/L and 12,000/µL.", [("esr", "88"), ("crp", "120"), ("wbc", "12000")]),
        ("Blood pressure fell to 70/40 mmHg.", [("systolic", "70"), ("diastolic", "40")]),
        (
            "She was tachycardic (rate 102) and hypotensive (99/49).",
            [("heart-rate", "102"), ("systolic", "99"), ("diastolic", "49")],
        ),
        ("On air the SpO2 was 84%.", [("spo2", "84")]),
        ("The PaCO2 was 68 mmHg and the pH 7.21.", [("paco2", "68"), ("ph", "7.21")]),
        ("She had a fever of 38.5 °C.", [("temperature", "38.5")]),
        ("Left ventricular ejection fraction was 35%.", [("lvef", "35")]),
        ("INR was 2.7 on warfarin.", [("inr", "2.7")]),
        ("The T-score of bone mineral density, measured by absorptiometry, was -3.4.", [("t-score", "-3.4")]),
        ("Strength was 4+/5.", [("mrc-muscle-grade", "4")]),
        ("There was a foot drop (MRC grade 1).", [("mrc-muscle-grade", "1")]),
        ("End-tidal CO2 fell from 35 to 18 mmHg.", [("etco2", "35"), ("etco2", "18")]),
        ("The Cobb angle improved from 22° to 9°.", [("cobb-angle", "22"), ("cobb-angle", "9")]),
    ],
)
def test_a_number_goes_to_the_name_it_belongs_to(told: str, expected: list[tuple[str, str]]) -> None:
    assert _values(told) == expected


@pytest.mark.parametrize(
    "told",
    [
        "CRP and ESR were within normal limits.",
        "The ESR was normal, and 3 operations followed.",
        "She was 34 weeks pregnant.",
        "Enoxaparin 40 mg daily was given.",
        "Oxygen at 4 L/min kept saturation above 92%.",
        "See Fig. 2 for the ESR [14].",
        "Five mL of pus were drained from a cavity of 3.5 cm.",
        "The power of the left leg was 3/4.",
    ],
)
def test_what_is_no_measurement_gives_none(told: str) -> None:
    assert _measured(told) == []


def test_a_range_keeps_both_ends() -> None:
    (pain,) = _measured("The NRS scores for pain were 8 to 9.")
    assert (pain.value, pain.low, pain.high, pain.unit) == (None, 8, 9, "{score}")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            "The muscle power was grade 2 for the right leg and grade 4 for the left leg.",
            [("2", "right"), ("4", "left")],
        ),
        ("Lower limb power was 3/5 on the right and 5/5 on the left.", [("3", "right"), ("5", "left")]),
        ("The left leg had grade 3 power and the right leg grade 5.", [("3", "left"), ("5", "right")]),
        ("Final muscle power was grade 3/4 (right/left).", [("3", "right"), ("4", "left")]),
        ("Strength of the lower extremities was 1/5 bilaterally.", [("1", "bilateral")]),
        ("The strength of the left lower extremity was graded as 4/5.", [("4", "left")]),
    ],
)
def test_a_grade_has_its_side(told: str, expected: list[tuple[str, str]]) -> None:
    assert [(str(o.value), o.side.code if o.side else None) for o in _measured(told)] == expected


def test_a_side_is_no_part_of_a_unit_or_a_ventricle() -> None:
    assert all(o.side is None for o in _measured("CRP 96 mg/L (<5 mg/L); left ventricular ejection fraction 60%."))


@pytest.mark.parametrize(
    ("told", "low", "high", "reading"),
    [
        ("WBC 4500; N 4000-10000.", 4000, 10000, "N"),
        ("ESR, 27 mm/hr, normal range: 0–20.", 0, 20, "H"),
        ("Hemoglobin (Hb, 11.0 g/dℓ, normal range: 12.0–16.0).", Decimal("12.0"), Decimal("16.0"), "L"),
        ("CRP 96 mg/L (<5 mg/L).", None, 5, "H"),
        ("Creatinine 0.9 mg/dL (reference range 0.5 to 1.1 mg/dL).", Decimal("0.5"), Decimal("1.1"), "N"),
    ],
)
def test_a_value_is_read_against_the_range_that_is_printed(
    told: str, low: Decimal | None, high: Decimal | None, reading: str
) -> None:
    (fact,) = _measured(told)
    assert (fact.reference_low, fact.reference_high) == (low, high)
    assert fact.interpretation is not None
    assert fact.interpretation.code == reading


def test_without_a_printed_range_nothing_is_high_or_low() -> None:
    (fact,) = _measured("CRP was elevated at 210 mg/L.")
    assert (fact.interpretation, fact.reference_low, fact.reference_high) == (None, None, None)


def test_a_range_printed_once_holds_for_the_later_value_in_the_same_unit() -> None:
    first, second = _measured("Hb was 11.0 g/dL (normal range: 12.0-16.0). After surgery Hb was 9.4 g/dL.")
    assert (first.reference_high, second.reference_high) == (Decimal("16.0"), Decimal("16.0"))
    assert second.interpretation is not None
    assert second.interpretation.code == "L"


def test_scores_listed_before_their_sites_and_in_brackets_find_them() -> None:
    listed = _measured("Total lumbar and femur neck were − 3.1 and − 2.0 in T-score, respectively.")
    assert [(str(o.value), o.site.text if o.site else None) for o in listed] == [
        ("-3.1", "Total lumbar"),
        ("-2.0", "femur neck"),
    ]
    bracketed = _measured("Her T-scores were –3.5 (lumbar spine) and –2.8 (hip).")
    assert [o.site.text if o.site else None for o in bracketed] == ["lumbar spine", "hip"]


@pytest.mark.parametrize(
    ("told", "relations"),
    [
        ("The VAS was 9 before surgery and 3 after surgery.", [Relation.BEFORE, Relation.AFTER]),
        ("The VAS was 9 before and 3 after the procedure.", [Relation.BEFORE, Relation.AFTER]),
        ("Preoperative VAS was 9 and ODI was 78, and both improved postoperatively to VAS 3 and ODI 25.",
         [Relation.BEFORE, Relation.BEFORE, Relation.AFTER, Relation.AFTER]),
        ("The VAS decreased from 8 to 2 at three months.", [Relation.BEFORE, Relation.AFTER]),
        ("VAS: 9 (preoperative), 3 (1 week), 2 (1 year).", [Relation.BEFORE, Relation.AFTER, Relation.AFTER]),
    ],
)  # fmt: skip
def test_a_value_has_its_own_time(told: str, relations: list[Relation]) -> None:
    assert [o.time.relation if o.time else None for o in _measured(told)] == relations


def test_an_amount_of_time_is_kept() -> None:
    (fact,) = _measured("On postoperative day 3 the temperature was 38.9 °C.")
    assert fact.time is not None
    assert (fact.time.event, fact.time.value, fact.time.unit) == ("1/index-1", 3, "d")


def test_the_same_value_told_in_the_abstract_and_in_the_case_is_one_fact_with_two_spans() -> None:
    text = (
        "Abstract\n\nA 70-year-old woman underwent vertebroplasty. At last follow-up the VAS was 2.\n\nCASE REPORT\n\n"
        "A 70-year-old woman underwent vertebroplasty of L1. At last follow-up the VAS was 2.\n"
    )
    (fact,) = [o for o in only(text).observation if o.kind.code == "vas"]
    assert [span.words(text) for span in fact.span] == ["VAS was 2", "VAS was 2"]


def test_the_unit_is_kept_as_printed() -> None:
    (fact,) = _measured("The ESR was 27 mm/hr.")
    assert (fact.unit, fact.unit_text) == ("mm/h", "mm/hr")


def test_pairs_in_a_row_under_a_right_left_header_are_one_grade_a_side() -> None:
    text = (
        "CASE REPORT\n\nA 70-year-old woman underwent vertebroplasty of L1. Intradural cement was seen.\n\n"
        "Table 1 Intradural leakage reported in the literature\n\nAuthor and\nyear\n\nAge Sex Level Lower extremity\n"
        "muscle power at initial\n(right/left)\nLower extremity muscle power at last\nfollow-up (right/left)\n\n"
        "Brown et al.\n(2003) [10]\n\n64 F L2 Vertebroplasty 2/5 5/5\n"
    )
    document = Document.read(text)
    row = next(patient.row for patient in find_patients(document) if patient.row)
    found = measurements.read(document, (row.sentence,), 2, ())
    assert [(str(o.value), o.side.code if o.side else None) for o in found] == [
        ("2", "right"), ("5", "left"), ("5", "right"), ("5", "left"),
    ]  # fmt: skip
