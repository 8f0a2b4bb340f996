"""Functions of FHIRPath that walk down a tree or compare collections as sets; each takes time in proportion."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import msgspec

from fhir_service.fhir.fhirpath_operators import EvaluationFault, Items, bare
from fhir_service.fhir.nodes import child_items, to_json

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="number")


def identity(item: Any) -> Hashable:
    """A key that two items share only where they are equal; 8.0 is 8, true is not 1."""
    value = bare(item)
    if isinstance(value, dict | list):
        return _encoder.encode(to_json(value))
    return (type(value) is bool, value)


def _children(items: Items) -> Items:
    return [child for item in items if isinstance(item, dict) for child in _of(item)]


def _of(item: dict[str, Any]) -> Items:
    names = dict.fromkeys(key.removeprefix("_") for key in item if key != "resourceType")
    return [child for name in names for child in child_items(item, name)]


def _descendants(items: Items) -> Items:
    found: Items = []
    level = _children(items)
    while level:
        found += level
        level = _children(level)
    return found


def _is_distinct(items: Items) -> Items:
    return [len({identity(item) for item in items}) == len(items)]


def _combine(left: Items, right: Items) -> Items:
    return [*left, *right]


def _intersect(left: Items, right: Items) -> Items:
    wanted = {identity(item) for item in right}
    return list({key: item for item in left if (key := identity(item)) in wanted}.values())


def _to_integer(items: Items) -> Items:
    if len(items) > 1:
        raise EvaluationFault(f"toInteger() found {len(items)} items")
    value = bare(items[0]) if items else None
    if isinstance(value, int):
        return [int(value)]
    if isinstance(value, str) and len(value) < 20 and value.removeprefix("-").removeprefix("+").isdecimal():
        return [int(value)]
    return []


NAVIGATION: dict[str, Callable[[Items], Items]] = {
    "children": _children,
    "descendants": _descendants,
    "isDistinct": _is_distinct,
    "toInteger": _to_integer,
}
"""Functions without argument."""

SETS: dict[str, Callable[[Items, Items], Items]] = {"combine": _combine, "intersect": _intersect}
"""Functions with another collection."""
