"""Whether a value is the fixed one, or has the pattern (R4 elementdefinition.html, fixed[x] and pattern[x])."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def is_fixed(value: Any, wanted: Any) -> bool:
    """Exactly the same: every member, items in their order, decimals with the same precision."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and value.keys() == wanted.keys() and _members(value, wanted, is_fixed)
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(is_fixed(one, other) for one, other in zip(value, wanted, strict=True))
        )
    return _same(value, wanted) and _precision(value) == _precision(wanted)


def has_pattern(value: Any, wanted: Any) -> bool:
    """At least what the pattern has: its members, and for each of its items one that has it, in any order."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and wanted.keys() <= value.keys() and _members(value, wanted, has_pattern)
    if isinstance(wanted, list):
        return isinstance(value, list) and all(any(has_pattern(one, item) for one in value) for item in wanted)
    return _same(value, wanted)


def _members(value: dict[str, Any], wanted: dict[str, Any], agree: Any) -> bool:
    return all(agree(value[name], part) for name, part in wanted.items())


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float | Decimal) and isinstance(wanted, int | float | Decimal):
        return _number(value) == _number(wanted)
    return type(value) is type(wanted) and bool(value == wanted)


def _number(value: float | Decimal) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def _precision(value: Any) -> int:
    """Digits after the point; of what is no decimal, 0."""
    if isinstance(value, float | Decimal):
        exponent = _number(value).as_tuple().exponent
        return -exponent if isinstance(exponent, int) else 0
    return 0
