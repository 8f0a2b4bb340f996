"""What number and quantity parameters find: intervals, with their unit as printed and in base units (QTY-1, QTY-2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fhir_service.definitions.elements import is_a
from fhir_service.search.collector import HIGHEST, Collector, Reader, intervals
from fhir_service.search.expressions import Path
from fhir_service.search.terms import interval_scope
from fhir_service.search.units import UCUM, conversion

if TYPE_CHECKING:
    from fhir_service.search.parameters import IndexedParameter

_CURRENCY = "urn:iso:std:iso:4217"
_PLAIN = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})


class Measures(NamedTuple):
    """What a value covers, once for each way to ask for its unit: from and to, both included, in each of `units`."""

    units: tuple[str, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()


_NONE = Measures()


def number_reader(resource_type: str, parameters: Sequence[IndexedParameter], path: Path) -> Reader:
    """Reads the values of one path for the number or quantity parameters that share it."""
    codes = [one.code for one in parameters]

    @lru_cache(512)
    def scopes_of(units: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(interval_scope(resource_type, name, unit) for name in codes) for unit in units)

    def read(held: Any, found: Collector) -> None:
        units, spans = measures(path.type, held)
        if units:
            for scopes, (low, high) in zip(scopes_of(units), spans, strict=True):
                found.numbers += intervals(scopes, low, high)
            found.sort_by(codes, *spans[0])

    return read


def has_numbers(fhir_type: str) -> bool:
    """Whether a number or quantity parameter can read values of this type."""
    return fhir_type in _PLAIN or fhir_type in ("Range", "SampledData", "Money") or is_a(fhir_type, "Quantity")


def measures(fhir_type: str, held: Any) -> Measures:
    """In no unit first, then as `|code` and `|unit`, and in base units where UCUM knows the code, else as
    `system|code`. Nothing for what is no number."""
    if fhir_type in _PLAIN:
        number = _number(held)
        return _NONE if number is None else Measures(("",), ((number, number),))
    if not isinstance(held, dict):
        return _NONE
    span = _SPANS.get(fhir_type, _quantity)(held)
    if span is None:
        return _NONE
    low, high, unit = span
    if fhir_type == "Money":
        return _in_units(low, high, _CURRENCY, _text(unit.get("currency")), "")
    return _in_units(low, high, _text(unit.get("system")), _text(unit.get("code")), _text(unit.get("unit")))


@lru_cache(2048)
def _in_units(low: float, high: float, system: str, code: str, unit: str) -> Measures:
    units = ["", *(f"|{name}" for name in dict.fromkeys((code, unit)) if name)]
    spans = [(low, high)] * len(units)
    known = conversion(code) if code and system == UCUM else None
    if known is not None:
        units.append(known.scope)
        spans.append((known.converted(low), known.converted(high)))
    elif code and system:
        units.append(f"{system}|{code}")
        spans.append((low, high))
    return Measures(tuple(units), tuple(spans))


_Span = tuple[float, float, dict[str, Any]]
"""From, to, and the Quantity that has the unit."""


def _quantity(held: dict[str, Any]) -> _Span | None:
    number = _number(held.get("value"))
    if number is None:
        return None
    match held.get("comparator"):
        case "<":
            return -HIGHEST, math.nextafter(number, -math.inf), held
        case "<=":
            return -HIGHEST, number, held
        case ">=":
            return number, HIGHEST, held
        case ">":
            return math.nextafter(number, math.inf), HIGHEST, held
    return number, number, held


def _range(held: dict[str, Any]) -> _Span | None:
    ends = [end if isinstance(end, dict) else {} for end in (held.get("low"), held.get("high"))]
    low, high = (_number(end.get("value")) for end in ends)
    if low is None and high is None:
        return None
    unit = ends[1] if low is None else ends[0]
    if low is not None and high is not None and any(ends[0].get(key) != ends[1].get(key) for key in ("system", "code")):
        unit = {}
    return -HIGHEST if low is None else low, HIGHEST if high is None else high, unit


def _sampled(held: dict[str, Any]) -> _Span | None:
    """From the least to the greatest point; `L` and `U` are the limits of detection (datatypes.html#SampledData)."""
    origin = held.get("origin")
    if not isinstance(origin, dict):
        return None
    start = _number(origin.get("value"))
    factor = _number(held.get("factor"))
    limits = {"L": _number(held.get("lowerLimit")), "U": _number(held.get("upperLimit"))}
    points = [limits.get(word, _read(word)) for word in _text(held.get("data")).split()]
    known = [point for point in points or limits.values() if point is not None]
    if start is None or not known:
        return None
    ends = [_finite(start + point * (1.0 if factor is None else factor)) for point in (min(known), max(known))]
    return (min(ends), max(ends), origin) if None not in ends else None  # type: ignore[type-var, return-value]  # no None


_SPANS: Mapping[str, Callable[[dict[str, Any]], _Span | None]] = {"Range": _range, "SampledData": _sampled}
"""How to read a span; all others are Quantities."""


def _number(held: Any) -> float | None:
    return _finite(held) if isinstance(held, int | float | Decimal) and not isinstance(held, bool) else None


def _finite(number: float | Decimal) -> float | None:
    try:
        found = float(number)
    except (OverflowError, ValueError):
        return None
    return found if math.isfinite(found) else None


def _read(word: str) -> float | None:
    try:
        return _finite(float(word))
    except ValueError:
        return None


def _text(held: Any) -> str:
    return held if isinstance(held, str) else ""
