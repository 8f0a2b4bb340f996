"""Values against minValue[x] and maxValue[x]: numbers, dates and times (also counted from now), quantities."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from fhir_service.search.dates import date_range
from fhir_service.search.units import UCUM, conversion
from fhir_service.validation.profiles.element_rules import TypedValue

_MONTHS = {"a": 12, "mo": 1}
_SECONDS = {"wk": 604_800, "d": 86_400, "h": 3_600, "min": 60, "s": 1}
_DATES = frozenset({"Date", "DateTime", "Instant"})
_TIME_TYPES = frozenset({"date", "dateTime", "instant"})


def keeps(value: Any, type_name: str, bound: TypedValue, now: datetime, *, least: bool) -> bool | None:
    """Whether a value is not beyond its bound; None where the two cannot be compared. Dates of which one is only partly
    known pass where they may be right."""
    if type_name in _TIME_TYPES and bound.type in _DATES:
        return _keeps_date(value, bound.value, least)
    if type_name in _TIME_TYPES and isinstance(bound.value, dict):
        limit = _from_now(bound.value, now, back=least)
        return None if limit is None else _keeps_date(value, limit, least)
    if isinstance(value, dict) and isinstance(bound.value, dict):
        return _keeps_quantity(value, bound.value, least)
    if type_name == "time" and isinstance(value, str) and isinstance(bound.value, str):
        return value >= bound.value if least else value <= bound.value
    return _keeps_number(value, bound.value, least)


def _keeps_number(value: Any, bound: Any, least: bool) -> bool | None:
    one, other = _number(value), _number(bound)
    if one is None or other is None:
        return None
    return one >= other if least else one <= other


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    return number if number.is_finite() else None


def _keeps_date(value: Any, bound: Any, least: bool) -> bool | None:
    if not isinstance(value, str) or not isinstance(bound, str):
        return None
    try:
        one, other = date_range(value), date_range(bound)
    except ValueError:
        return None
    return one.high > other.low if least else one.low < other.high


def _from_now(duration: dict[str, Any], now: datetime, *, back: bool) -> str | None:
    """R4: a duration is taken from the present for a minimum and added to it for a maximum."""
    number, code = _number(duration.get("value")), duration.get("code")
    if number is None or not isinstance(code, str) or abs(number) > 1_000_000_000:
        return None
    sign = -1 if back else 1
    try:
        if code in _MONTHS:
            return _months_on(now, sign * int(number * _MONTHS[code])).isoformat()
        if code in _SECONDS:
            return (now + timedelta(seconds=sign * float(number) * _SECONDS[code])).isoformat()
    except (OverflowError, ValueError):
        return None
    return None


def _months_on(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _keeps_quantity(value: dict[str, Any], bound: dict[str, Any], least: bool) -> bool | None:
    one, other = _number(value.get("value")), _number(bound.get("value"))
    if one is None or other is None:
        return None
    if all(value.get(name) == bound.get(name) for name in ("system", "code")):
        if "code" not in bound and value.get("unit") != bound.get("unit") and "unit" in bound:
            return None
        return _keeps_number(one, other, least)
    if value.get("system") != UCUM or bound.get("system") != UCUM:
        return None
    of_value, of_bound = (conversion(str(entry.get("code"))) for entry in (value, bound))
    if of_value is None or of_bound is None or of_value.scope != of_bound.scope:
        return None
    return _keeps_number(of_value.converted(float(one)), of_bound.converted(float(other)), least)
