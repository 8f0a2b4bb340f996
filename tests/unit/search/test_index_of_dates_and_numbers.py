"""What dates, numbers and quantities are found by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from found_values import UCUM, dates, numbers, of, quantity, units

from fhir_service.search.collector import HIGHEST
from fhir_service.search.dates import EARLIEST, LATEST, date_range


@pytest.mark.rule("DATE-2", "DATE-5")
@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"effectiveDateTime": "2020-05"}, date_range("2020-05")),
        ({"effectiveInstant": "2020-05-01T00:00:00.5Z"}, date_range("2020-05-01T00:00:00.5Z")),
        ({"effectivePeriod": {"start": "2020", "end": "2021"}}, (date_range("2020").low, date_range("2021").high)),
        ({"effectivePeriod": {"start": "2020"}}, (date_range("2020").low, LATEST)),
        ({"effectivePeriod": {"end": "2020"}}, (EARLIEST, date_range("2020").high)),
        (
            {
                "effectiveTiming": {
                    "event": ["2021", "2019"],
                    "repeat": {"boundsPeriod": {"start": "2020", "end": "2023"}},
                }
            },
            (date_range("2019").low, date_range("2023").high),
        ),
    ],
)
def test_dates_are_half_open_ranges_and_a_timing_its_outer_limits(
    elements: dict[str, Any], expected: tuple[int, int]
) -> None:
    values = of("Observation", **elements)
    assert dates(values, "date") == [tuple(expected)]
    assert values.sort_date == expected[0]
    assert values.sort_values["date"] == tuple(expected)


@pytest.mark.parametrize(
    "elements", [{"effectivePeriod": {}}, {"effectiveTiming": {}}, {"effectiveDateTime": "2020-13"}]
)
def test_what_is_no_date_gives_no_range(elements: dict[str, Any]) -> None:
    assert of("Observation", **elements).dates == ()


@pytest.mark.rule("NUM-3")
@pytest.mark.parametrize("value", [Decimal("0.50"), 0.5])
def test_a_number_is_a_point(value: Any) -> None:
    assert numbers(of("RiskAssessment", prediction=[{"probabilityDecimal": value}]), "probability") == [(0.5, 0.5)]


@pytest.mark.rule("QTY-1")
def test_a_quantity_is_found_by_number_by_code_and_by_unit() -> None:
    values = of("Observation", valueQuantity=quantity(Decimal("5.40"), "mmol/L", unit="millimole"))
    for unit in ("", "|mmol/L", "|millimole", "ucum:mol/m**3"):
        assert numbers(values, "value-quantity", unit) == [(5.4, 5.4)]
    assert values.sort_values["value-quantity"] == (5.4, 5.4)


@pytest.mark.rule("QTY-2")
def test_quantities_of_one_kind_meet_in_base_units() -> None:
    one, other = of("Observation", valueQuantity=quantity(100)), of("Observation", valueQuantity=quantity(1, "g/L"))
    assert (
        numbers(one, "value-quantity", "ucum:kg/m**3") == numbers(other, "value-quantity", "ucum:kg/m**3") == [(1, 1)]
    )


@pytest.mark.rule("QTY-2")
@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"code": "mg/dL", "system": "http://other"}, {"", "|mg/dL", "http://other|mg/dL"}),
        ({"unit": "tablets"}, {"", "|tablets"}),
        ({"code": "{score}", "system": UCUM}, {"", "|{score}", f"{UCUM}|{{score}}"}),
        ({}, {""}),
        ({"unit": 5, "system": [], "code": None}, {""}),
    ],
)
def test_units_that_are_not_known_stand_as_they_are_printed(held: dict[str, Any], expected: set[str]) -> None:
    assert units(of("Observation", valueQuantity={"value": 1, **held}), "value-quantity") == expected


@pytest.mark.parametrize(
    ("comparator", "inside", "outside"),
    [("<", 4.999, 5.0), ("<=", 5.0, 5.001), (">", 5.001, 5.0), (">=", 5.0, 4.999)],
)
def test_a_comparator_makes_an_interval_without_an_end(comparator: str, inside: float, outside: float) -> None:
    values = of("Observation", valueQuantity=quantity(5, comparator=comparator))
    ((low, high),) = numbers(values, "value-quantity")
    assert low <= inside <= high
    assert not low <= outside <= high
    assert HIGHEST in (-low, high)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"low": {"value": 40, "unit": "a"}, "high": {"value": 50, "unit": "a"}}, (40, 50)),
        ({"low": {"value": 40}}, (40, HIGHEST)),
        ({"high": {"value": 50}}, (-HIGHEST, 50)),
    ],
)
def test_a_range_is_an_interval(ends: dict[str, Any], expected: tuple[float, float]) -> None:
    assert numbers(of("Condition", onsetRange=ends), "onset-age") == [expected]


def test_a_range_of_two_units_has_none() -> None:
    low, high = {"value": 1, "system": UCUM, "code": "mo"}, {"value": 1, "system": UCUM, "code": "a"}
    assert units(of("Condition", onsetRange={"low": low, "high": high}), "onset-age") == {""}


@pytest.mark.rule("QTY-2")
@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        ({"data": "1 3 -2 E"}, (6.0, 16.0)),
        ({"data": "1 U L", "lowerLimit": -5, "upperLimit": 5}, (0.0, 20.0)),
        ({"lowerLimit": 0, "upperLimit": 1}, (10.0, 12.0)),
    ],
)
def test_sampled_data_covers_all_its_points(sampled: dict[str, Any], expected: tuple[float, float]) -> None:
    held = {"origin": quantity(10, "mV"), "period": 1, "factor": 2, "dimensions": 1, **sampled}
    assert numbers(of("Observation", valueSampledData=held), "value-quantity", "|mV") == [expected]


def test_money_is_found_by_its_currency() -> None:
    values = of("Invoice", totalNet={"value": 12, "currency": "EUR"})
    assert numbers(values, "totalnet", "urn:iso:std:iso:4217|EUR") == numbers(values, "totalnet", "|EUR") == [(12, 12)]


@pytest.mark.parametrize("value", [None, True, "5", Decimal("1e999"), 10**400, Decimal("NaN"), [], {}])
def test_what_is_no_number_is_not_found_by_one(value: Any) -> None:
    assert of("Observation", valueQuantity=quantity(value)).numbers == ()
