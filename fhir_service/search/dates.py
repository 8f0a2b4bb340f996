"""FHIR dates as half-open ranges of milliseconds since 1970 UTC (search.html, "date"; rest-rules DATE-1, DATE-2)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

_FORM = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_DAY = 86_400_000
_DATE_LENGTH = 10
"""Of one with year, month and day, which most are."""
_MINUTE = 60_000
_EPOCH = date(1970, 1, 1).toordinal()
EARLIEST = -(2**62)
LATEST = 2**62
"""The ends of a Period that has none."""


class Range(NamedTuple):
    """From `low`, up to but without `high`."""

    low: int
    high: int


@lru_cache(4096)
def date_range(text: str) -> Range:
    """The year, month, day, minute, second or fraction that is written; without a zone it is UTC. Raises ValueError."""
    if len(text) == _DATE_LENGTH and text[4] == text[7] == "-":
        midnight = (date.fromisoformat(text).toordinal() - _EPOCH) * _DAY
        return Range(midnight, midnight + _DAY)
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a FHIR date")
    written, month, day, hour, minute, second, fraction, zone = found.groups()
    year = int(written)
    if month is None:
        return Range(_midnight(year, 1, 1), _midnight(year, 12, 31) + _DAY)
    if day is None:
        return Range(_midnight(year, int(month), 1), _midnight(year, int(month), _last_day(year, int(month))) + _DAY)
    midnight = _midnight(year, int(month), int(day))
    if hour is None:
        return Range(midnight, midnight + _DAY)
    low = midnight + _time_of_day(int(hour), int(minute), int(second or 0), fraction or "0") - _offset(zone)
    if second is None:
        return Range(low, low + _MINUTE)
    return Range(low, low + (1000 if fraction is None else 1))


def has_dates(fhir_type: str) -> bool:
    """Whether a date parameter can read values of this type."""
    return fhir_type in ("date", "dateTime", "instant", "Period", "Timing")


def ranges(fhir_type: str, held: Any) -> Iterator[Range]:
    """The range of a date or Period, and the outer limits of a Timing; none where that is not what is held."""
    if fhir_type == "Period":
        found = _period(held)
    elif fhir_type == "Timing":
        found = _timing(held)
    else:
        found = _written(held)
    if found is not None:
        yield found


def _period(held: Any) -> Range | None:
    if not isinstance(held, dict):
        return None
    start, end = _written(held.get("start")), _written(held.get("end"))
    if start is None and end is None:
        return None
    return Range(start.low if start else EARLIEST, end.high if end else LATEST)


def _timing(held: Any) -> Range | None:
    if not isinstance(held, dict):
        return None
    events, repeat = held.get("event"), held.get("repeat")
    every = [_written(event) for event in events] if isinstance(events, list) else []
    if isinstance(repeat, dict):
        every.append(_period(repeat.get("boundsPeriod")))
    known = [found for found in every if found is not None]
    return Range(min(found.low for found in known), max(found.high for found in known)) if known else None


def _written(text: Any) -> Range | None:
    try:
        return date_range(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _midnight(year: int, month: int, day: int) -> int:
    return (date(year, month, day).toordinal() - _EPOCH) * _DAY


def _last_day(year: int, month: int) -> int:
    if not 1 <= month <= 12:
        raise ValueError(f"there is no month {month}")
    return monthrange(year, month)[1]


def _time_of_day(hour: int, minute: int, second: int, fraction: str) -> int:
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{hour}:{minute}:{second} is not a time of day")
    return ((hour * 60 + minute) * 60 + second) * 1000 + int(fraction.ljust(3, "0")[:3])


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > 14 or minutes > 59:
        raise ValueError(f"{zone} is not a time zone")
    return (-1 if zone[0] == "-" else 1) * (hours * 60 + minutes) * _MINUTE
