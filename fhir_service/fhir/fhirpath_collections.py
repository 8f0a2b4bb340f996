"""Functions of FHIRPath that walk down a tree or compare collections as sets; each takes time in proportion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_service.fhir.fhirpath_budget import counted, gathered
from fhir_service.fhir.fhirpath_operators import EvaluationFault, Items, bare, identity
from fhir_service.fhir.nodes import child_items


def _children(items: Items) -> Items:
    return gathered(_of(item) for item in items if isinstance(item, dict))


def _of(item: dict[str, Any]) -> Items:
    names = dict.fromkeys(key.removeprefix("_") for key in item if key != "resourceType")
    return [child for name in names for child in child_items(item, name)]


def _descendants(items: Items) -> Items:
    found: Items = []
    level = _children(items)
    while level:
        found += counted(level)
        level = _children(level)
    return found


def _is_distinct(items: Items) -> Items:
    return [len({identity(item) for item in items}) == len(items)]


def _combine(left: Items, right: Items) -> Items:
    return gathered((left, right))


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
