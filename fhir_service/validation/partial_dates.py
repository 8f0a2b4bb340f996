"""FHIR dates and times compared as FHIRPath does: as far as both are known, and no further."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

_PARTS = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d):(\d\d):(\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d))?")


def is_before(first: str, second: str) -> bool:
    """Whether `first` is certainly before `second`; false where the less precise of the two leaves it open.

    Two times with zones are compared as moments, anything else by what is written. False for what is no date.
    """
    if len(first) == len(second) and first[19:] == second[19:]:
        return first < second  # alike to the digit: what most periods are
    a, b = _PARTS.fullmatch(first), _PARTS.fullmatch(second)
    if a is None or b is None:
        return False
    if a[4] and b[4] and a[7] != b[7]:
        return _moment(a) < _moment(b)
    for one, other in zip(a.groups()[:6], b.groups()[:6], strict=True):
        if one is None or other is None:
            return False
        if one != other:
            return Decimal(one) < Decimal(other)
    return False


def _moment(parts: re.Match[str]) -> tuple[datetime, Decimal]:
    """The minute in UTC, and the second, which may be the leap one."""
    year, month, day, hour, at = (int(parts[number]) for number in range(1, 6))
    minute = datetime(year, month, day, hour, at)  # noqa: DTZ001  # both sides are brought to UTC below
    zone = parts[7]
    if zone != "Z":
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        minute = _shifted(minute, -away if zone[0] == "+" else away)
    return minute, Decimal(parts[6])


def _shifted(minute: datetime, by: timedelta) -> datetime:
    try:
        return minute + by
    except OverflowError:  # the first and the last day that there are
        return minute
