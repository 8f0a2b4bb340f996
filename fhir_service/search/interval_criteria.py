"""Date, number and quantity parameters (rest-rules PRE-1 to QTY-2): values with prefixes, to intervals and units."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from fhir_service.search import terms
from fhir_service.search.criteria import AnyCriterion, AnyOf, HasInterval
from fhir_service.search.dates import date_range
from fhir_service.search.parameters import IndexedParameter
from fhir_service.search.prefixes import Alternatives, Wanted, date_comparisons, number_comparisons, prefixed
from fhir_service.search.query_faults import invalid, unsupported_modifier
from fhir_service.search.query_text import split, unescaped
from fhir_service.search.reading import Reading
from fhir_service.search.units import UCUM, conversion

_NUMBER = re.compile(r"-?\d{1,60}(?:\.\d{1,60})?(?P<exponent>[eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = Decimal("1e300")
_TENTH = Decimal("0.1")


class WantedInterval(NamedTuple):
    """What one value asks for: conditions on the values that stand in one unit (empty: in any or none)."""

    kind: Literal["date", "number"]
    unit: str
    alternatives: Alternatives


def interval_criterion(
    reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]
) -> AnyCriterion:
    """Raises InvalidParameter, UnsupportedParameter."""
    if modifier:
        raise unsupported_modifier(parameter.code, modifier)
    read = INTERVALS[parameter.type]
    wanted = [read(reading, parameter.code, value) for value in values]
    return joined(wanted, lambda unit: terms.interval_scope(resource_type, parameter.code, unit))


def joined(wanted: Sequence[WantedInterval], scope_of: Callable[[str], str]) -> AnyCriterion:
    """Any of these; those in one unit as one criterion."""
    by_scope: dict[tuple[Literal["date", "number"], str], list[Alternatives]] = {}
    for one in wanted:
        by_scope.setdefault((one.kind, one.unit), []).append(one.alternatives)
    found = [
        HasInterval(kind, scope_of(unit), tuple(each for alternatives in listed for each in alternatives))
        for (kind, unit), listed in by_scope.items()
    ]
    return found[0] if len(found) == 1 else AnyOf(tuple(found))


def wanted_date(reading: Reading, name: str, text: str) -> WantedInterval:
    prefix, written = prefixed(unescaped(text))
    try:
        low, high = date_range(written)
    except ValueError as error:
        raise invalid(name, f"'{text}' is not a date (2024, 2024-05, 2024-05-31, 2024-05-31T10:00:00Z)") from error
    return WantedInterval("date", "", date_comparisons(prefix, low, high, reading.now))


def wanted_number(_reading: Reading, name: str, text: str) -> WantedInterval:
    prefix, written = prefixed(unescaped(text))
    return WantedInterval("number", "", number_comparisons(prefix, _number(name, written)))


def wanted_quantity(_reading: Reading, name: str, text: str) -> WantedInterval:
    """`number`, `number|system|code` or `number||code or unit`. UCUM units are compared in base units (QTY-2)."""
    prefix, written = prefixed(text)
    match [unescaped(part) for part in split(written, "|")]:
        case [number] | [number, "", ""]:
            system, code = "", ""
        case [number, system, code] if code:
            pass
        case _:
            raise invalid(name, f"'{text}' is not number, number|system|code or number||code")
    wanted = _number(name, number)
    known = conversion(code) if system == UCUM else None
    if known is not None:
        wanted = Wanted(*(known.converted(value) for value in wanted))
    unit = known.scope if known is not None else f"{system}|{code}" if code else ""
    return WantedInterval("number", unit, number_comparisons(prefix, wanted))


def _number(name: str, text: str) -> Wanted:
    """What the digits cover: half a unit of the last one, either way (NUM-1). `1e2` counts as two digits, for R4 says
    that it covers 95 to 105."""
    found = _NUMBER.fullmatch(text)
    number = Decimal(text) if found else Decimal()
    if found is None or abs(number) > _LARGEST:
        raise invalid(name, f"'{text}' is not a number")
    _, digits, last = number.as_tuple()
    assert isinstance(last, int)  # noqa: S101  # neither infinite nor no number
    if found["exponent"] and len(digits) == 1:
        last -= 1
    half = Decimal(5).scaleb(last - 1)
    low, high = number - half, number + half
    margin = abs(number) * _TENTH
    nearest = min(low, number - margin), max(high, number + margin)
    return Wanted(float(low), float(number), float(high), *map(float, nearest))


INTERVALS: dict[str, Callable[[Reading, str, str], WantedInterval]] = {
    "date": wanted_date,
    "number": wanted_number,
    "quantity": wanted_quantity,
}
