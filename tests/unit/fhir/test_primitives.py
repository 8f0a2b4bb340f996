"""An instant names one moment: date, time and zone."""

import pytest

from fhir_service.fhir.primitives import is_instant


@pytest.mark.parametrize(
    "value",
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123+01:00", "2024-02-29T23:59:60Z", "2026-01-31T12:00:00-14:00"],
)
def test_a_moment_with_a_zone_is_an_instant(value: str) -> None:
    assert is_instant(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2023-02-29T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:00+15:00",
        "2026-01-31T12:00:00Z\n",
        "yesterday",
    ],
)
def test_anything_less_is_not(value: str) -> None:
    assert not is_instant(value)
