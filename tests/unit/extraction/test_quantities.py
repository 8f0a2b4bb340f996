"""Numbers as they are printed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_service.extraction.normalising import normalise
from fhir_service.extraction.quantities import quantities


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("ESR 12 mm/h", "12", "mm/h"),
        ("ESR 27 mm/hr", "27", "mm/h"),
        ("Hb 11.0 g/dl", "11.0", "g/dL"),
        ("WBC 12,300/µL", "12300", "/uL"),
        ("WBC 14 200/µL", "14200", "/uL"),
        ("WBC 12.3 x10^9/L", "12.3", "10*9/L"),
        ("T-score -3.4", "-3.4", None),
        ("a T score of minus 4.1", "-4.1", None),
        ("10mg of dexamethasone", "10", "mg"),
        ("eight weeks", "8", "wk"),
        ("grade III weakness", "3", None),
        ("temperature 38.9 °C", "38.9", "Cel"),
    ],
)
def test_a_number_is_read_with_its_unit(text: str, value: str, unit: str | None) -> None:
    (quantity,) = quantities(text)
    assert quantity.value == Decimal(value)
    assert (quantity.unit.code if quantity.unit else None) == unit


@pytest.mark.parametrize(
    "text", ["Fig. 2", "on day 3", "[12, 13]", "at L3", "T12", "since 2012", "POD 2", "p < 0.05", "n = 4"]
)
def test_a_label_is_no_quantity(text: str) -> None:
    assert quantities(text) == ()


def test_a_range_is_told_from_a_change() -> None:
    (pain,) = quantities("pain of 8 to 9")
    assert (pain.value, pain.high) == (8, 9)
    assert [q.value for q in quantities("fell from 9 to 3")] == [9, 3]


def test_what_stands_behind_a_slash_is_kept() -> None:
    (pressure,) = quantities("190/90 mm Hg")
    assert (pressure.value, pressure.second) == (190, 90)
    (grade,) = quantities("power 4+/5")
    assert (grade.value, grade.second) == (4, 5)


def test_a_comparator_is_part_of_the_number() -> None:
    (quantity,) = quantities("CRP < 0.5 mg/dL")
    assert (quantity.comparator, quantity.value) == ("<", Decimal("0.5"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("CRP was 12,4 mg/dL.", "12.4"),
        ("CRP was 12·4 mg/dL.", "12.4"),
        ("WBC 14,300 per microlitre.", "14300"),
        ("Creatinine 0,125 mg/dL.", "0.125"),
        ("T-score -3,8.", "-3.8"),
    ],
)
def test_a_decimal_comma_and_a_raised_point_are_no_end_of_a_number(text: str, value: str) -> None:
    (found,) = quantities(normalise(text, [(0, len(text))]).text)
    assert str(found.value) == value
