from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhir_service.search.dates import date_range


def ms(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type]  # year to second


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2013", ms(2013, 1, 1), ms(2014, 1, 1)),
        ("2012-02", ms(2012, 2, 1), ms(2012, 3, 1)),
        ("2012-12", ms(2012, 12, 1), ms(2013, 1, 1)),
        ("2013-01-14", ms(2013, 1, 14), ms(2013, 1, 15)),
        ("2013-01-14T10:00", ms(2013, 1, 14, 10), ms(2013, 1, 14, 10, 1)),
        ("2013-01-14T10:00:05", ms(2013, 1, 14, 10, 0, 5), ms(2013, 1, 14, 10, 0, 6)),
        ("2013-01-14T10:00:05.25Z", ms(2013, 1, 14, 10, 0, 5) + 250, ms(2013, 1, 14, 10, 0, 5) + 251),
        ("2013-01-14T00:30:00+02:00", ms(2013, 1, 13, 22, 30), ms(2013, 1, 13, 22, 30, 1)),
        ("1969-12-31", ms(1969, 12, 31), ms(1970, 1, 1)),
        ("9999", ms(9999, 1, 1), ms(9999, 12, 31) + 86_400_000),
    ],
)
def test_a_date_is_the_range_that_is_written(text: str, low: int, high: int) -> None:
    assert date_range(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "13",
        "2013-13",
        "2013-02-30",
        "2013-1-1",
        "2013-01-01T10",
        "2013-01-01T24:00",
        "2013-01-01Z",
        "2013-01-01T10:00+15:00",
        "0000",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        date_range(text)
