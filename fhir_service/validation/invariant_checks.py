"""Invariants that are written out here: because their expression needs what plain JSON does not say, would take more
than linear time, or is asked so often that it has to be quick.

A check takes the object that the invariant is about and its scope; False breaks it, None is undecided.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Any

from fhir_service.fhir.fhirpath_operators import identity
from fhir_service.validation.partial_dates import is_before

Element = dict[str, Any]


class Scope:
    """The resource that an element stands in, and the one that contains it (or itself)."""

    def __init__(self, resource: Element, around: Scope | None = None) -> None:
        self.resource = resource
        self._around = around

    @property
    def root(self) -> Scope:
        """Not kept: an object that refers to itself keeps its resource until the garbage is collected."""
        return self._around or self

    @cached_property
    def contained_ids(self) -> frozenset[str]:
        return frozenset(f"#{part['id']}" for part in self.resource.get("contained", ()) if "id" in part)

    @cached_property
    def codings(self) -> frozenset[Any]:
        return frozenset(map(identity, self.resource.get("code", {}).get("coding", ())))


Check = Callable[[Element, Scope], bool | None]


def _reference_is_there(_key: str) -> Check:
    def check(element: Element, scope: Scope) -> bool:
        text = element.get("reference")
        return text is None or text[0] != "#" or text == "#" or text in scope.root.contained_ids

    return check


def _either_extension_or_value() -> Check:
    def check(element: Element, _scope: Scope) -> bool:
        has_value = any(key[:5] == "value" or key[:6] == "_value" for key in element)
        return has_value != ("extension" in element)

    return check


def _all_contained_are_used(_key: str) -> Check:
    def check(element: Element, _scope: Scope) -> bool:
        said = _links_in(element)
        return all(f"#{part.get('id')}" in said or "#" in _links_in(part) for part in element["contained"])

    return check


def _links_in(value: Any) -> set[str]:
    """Every text that begins with `#`."""
    found, waiting = set(), [value]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            waiting.extend(node.values())
        elif type(node) is list:
            waiting.extend(node)
        elif type(node) is str and node[:1] == "#":
            found.add(node)
    return found


def _ordered(first: str, second: str) -> Check:
    """The date or time `second` is not before `first`."""

    def check(element: Element, _scope: Scope) -> bool | None:
        a, b = element.get(first), element.get(second)
        if type(a) is not str or type(b) is not str:
            return None
        return not is_before(b, a)

    return check


def _quantities_ordered(first: str, second: str) -> Check:
    """The quantity `second` is not less than `first`; of two units nothing is said."""

    def check(element: Element, _scope: Scope) -> bool | None:
        low, high = element.get(first, {}), element.get(second, {})
        if "value" not in low or "value" not in high:
            return None
        if any(low.get(name) != high.get(name) for name in ("system", "code")):
            return None
        if "code" not in low and low.get("unit") != high.get("unit"):
            return None
        return Decimal(str(low["value"])) <= Decimal(str(high["value"]))

    return check


def _coded_where_there(name: str, concept: str, system: str, *codes: str) -> Check:
    """Where the element (or choice) is there, the concept has one of these codes."""

    def check(element: Element, _scope: Scope) -> bool:
        there = any(key.startswith((name, f"_{name}")) for key in element)
        return not there or _has_code(element.get(concept), system, codes)

    return check


def _not_there_where_coded(name: str, concept: str, system: str, *codes: str) -> Check:
    """The element is not there where the concept has one of these codes."""

    def check(element: Element, _scope: Scope) -> bool:
        return name not in element or not _has_code(element.get(concept), system, codes)

    return check


def _has_code(concept: Any, system: str, codes: tuple[str, ...]) -> bool:
    codings = concept.get("coding", ()) if concept else ()
    return any(coding.get("code") in codes and coding.get("system") == system for coding in codings)


def _contained_target_of_type(name: str, reference: str, *types: str) -> Check:
    """Where the element is there, what the reference leads to is of one of these types, if it is contained."""

    def check(element: Element, scope: Scope) -> bool:
        text = element.get(reference, {}).get("reference", "")
        if name not in element or text[:1] != "#":
            return True
        found = (part for part in scope.root.resource.get("contained", ()) if f"#{part.get('id')}" == text)
        return all(part["resourceType"] in types for part in found)

    return check


def _no_component_repeats_the_code(_key: str) -> Check:
    def check(element: Element, scope: Scope) -> bool | None:
        if not any(key[:5] == "value" or key[:6] == "_value" for key in element):
            return None
        codings = (part for item in element["component"] for part in item["code"].get("coding", ()))
        return not any(identity(coding) in scope.codings for coding in codings)

    return check


def _members_of(names: str, known: str) -> Check:
    """Every text at the path `names` is one of those at the path `known`."""

    def check(element: Element, _scope: Scope) -> bool:
        return set(_texts(element, names)) <= set(_texts(element, known))

    return check


def _texts(element: Any, path: str) -> list[str]:
    level = [element]
    for step in path.split("."):
        found = [item[step] for item in level if isinstance(item, dict) and step in item]
        level = [part for item in found for part in (item if isinstance(item, list) else [item])]
    return [item for item in level if isinstance(item, str)]


def _paths_below_the_first(_key: str) -> Check:
    def check(element: Element, scope: Scope) -> bool:
        kind, type_name = scope.resource.get("kind"), scope.resource.get("type", "")
        paths = [entry.get("path", "") for entry in element["element"]]
        head = paths[0].partition(".")[0]
        return (kind == "logical" or head == type_name) and all(path.startswith(f"{head}.") for path in paths[1:])

    return check


def _only_in(key: str, *types: str) -> Check:
    """The element is there exactly where the type of the resource is one of these."""

    def check(element: Element, scope: Scope) -> bool:
        return (key in element) is (scope.resource.get("type") in types)

    return check


def _size_is_that_of_data(_data: str, _size: str) -> Check:
    def check(element: Element, _scope: Scope) -> bool | None:
        if "data" not in element or "size" not in element:
            return None
        try:
            return bool(len(binascii.a2b_base64(element["data"])) == element["size"])
        except (binascii.Error, ValueError):
            return None

    return check


CHECKS: dict[str, Callable[..., Check]] = {
    "reference-is-there": _reference_is_there,
    "either-extension-or-value": _either_extension_or_value,
    "all-contained-are-used": _all_contained_are_used,
    "ordered": _ordered,
    "quantities-ordered": _quantities_ordered,
    "coded-where-there": _coded_where_there,
    "not-there-where-coded": _not_there_where_coded,
    "contained-target-of-type": _contained_target_of_type,
    "no-component-repeats-the-code": _no_component_repeats_the_code,
    "members-of": _members_of,
    "paths-below-the-first": _paths_below_the_first,
    "only-in": _only_in,
    "size-is-that-of-data": _size_is_that_of_data,
}
"""By the name that invariant_notes.toml uses."""
