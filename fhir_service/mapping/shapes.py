"""The types a map works with, seen as JSON: which properties an object has, of which type, single or repeating.

A shape is a FHIR type (`Patient`), a part of one (`Patient.contact`), a primitive, or a part of a logical model. Where
a type has no definition there is no shape: its content has any element, and nothing is known of what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from fhir_service.definitions import elements

ABSTRACT = frozenset({"Resource", "DomainResource"})
_R4 = "http://hl7.org/fhir/StructureDefinition/"
_INLINE = elements.INLINE_TYPES
_MOST_ORDERS = 200
"""Combinations of keys that one shape remembers."""


@dataclass(frozen=True, slots=True)
class Property:
    """One JSON property: its key, the name of its shape."""

    key: str
    shape: str


@dataclass(frozen=True, slots=True)
class Slot:
    """An element: one property, or one for each type of a choice. `keys` are all keys of the whole choice."""

    name: str
    properties: tuple[Property, ...]
    repeats: bool
    keys: frozenset[str] = frozenset()

    @property
    def is_choice(self) -> bool:
        return len(self.properties) > 1


class Shape:
    """One type. `kind` is `resource`, `complex` or `primitive`."""

    def __init__(self, name: str, kind: str, elements_of: Mapping[str, elements.Element] | None = None) -> None:
        self.name = name
        self.kind = kind
        self._elements = elements_of or {}
        self._ordered: dict[tuple[str, ...], tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"Shape({self.name})"

    @cached_property
    def slots(self) -> Mapping[str, Slot]:
        """Elements by every name a map may use: `value`, and `valueQuantity` for that type alone."""
        found: dict[str, Slot] = {}
        for name, element in self._elements.items():
            stem = name.removesuffix("[x]")
            codes = (element.same_as,) if element.same_as else element.types
            properties = tuple(Property(_key(name, code), self._shape_of(stem, element, code)) for code in codes)
            keys = frozenset(entry.key for entry in properties)
            found[stem] = Slot(stem, properties, element.repeats, keys)
            for entry in properties:
                found.setdefault(entry.key, Slot(stem, (entry,), element.repeats, keys))
        return found

    @cached_property
    def rank(self) -> Mapping[str, int]:
        """The place of each JSON key in FHIR's order."""
        keys = [entry.key for slot in self.slots.values() for entry in slot.properties]
        return {key: place for place, key in enumerate(dict.fromkeys(["resourceType", *keys]))}

    def in_order(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """JSON keys in FHIR's order. Maps write the same few combinations again and again: they are remembered."""
        found = self._ordered.get(keys)
        if found is None:
            found = tuple(sorted(keys, key=self.rank.__getitem__))
            if len(self._ordered) < _MOST_ORDERS:
                self._ordered[keys] = found
        return found

    @property
    def is_abstract(self) -> bool:
        return self.name in ABSTRACT

    def _shape_of(self, stem: str, element: elements.Element, code: str) -> str:
        if element.same_as:
            return element.same_as
        return f"{self.name}.{stem}" if code in _INLINE else code


def _key(name: str, code: str) -> str:
    if not name.endswith("[x]"):
        return name
    return f"{name.removesuffix('[x]')}{code[0].upper()}{code[1:]}"


class Shapes:
    """All shapes: FHIR R4, and those of StructureDefinitions (JSON by canonical URL).

    A logical model is a shape of its own; a profile, of an extension too, stands for the type that it constrains.
    """

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._known: dict[str, Shape] = {}
        self._names_by_url: dict[str, str] = {}
        self._read(definitions or {})

    def with_definitions(self, definitions: Mapping[str, Mapping[str, Any]]) -> Shapes:
        """These shapes, and those of more StructureDefinitions, which come first."""
        other = Shapes()
        other._known, other._names_by_url = dict(self._known), dict(self._names_by_url)
        other._read(definitions)
        return other

    def named(self, name: str) -> Shape | None:
        """The shape of that name, None where it has no definition."""
        return self._known.get(name) or _r4_shape(name)

    def by_url(self, url: str) -> Shape | None:
        """The shape a StructureDefinition URL stands for, None where it has no definition."""
        canonical = url.partition("|")[0]
        if canonical in self._names_by_url:
            return self.named(self._names_by_url[canonical])
        return self.named(canonical.removeprefix(_R4)) if canonical.startswith(_R4) else None

    def is_a(self, name: str, ancestor: str) -> bool:
        """Whether one shape is another or derived from it."""
        if ancestor in _INLINE and "." in name:
            return True
        if ancestor == "Element":
            shape = self.named(name)
            return shape is not None and shape.kind != "resource"
        return name == ancestor or elements.is_a(name, ancestor)

    def _read(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        for url, definition in definitions.items():
            if definition.get("derivation") == "constraint" or definition.get("kind", "logical") != "logical":
                self._names_by_url[url] = _type_name(definition)
            else:
                self._read_logical_model(url, definition)

    def _read_logical_model(self, url: str, model: Mapping[str, Any]) -> None:
        parts = model.get("snapshot") or model.get("differential") or {}
        root = _type_name(model)
        name = root if _r4_shape(root) is None else url
        children: dict[str, dict[str, elements.Element]] = {}
        for entry in parts.get("element", ()):
            holder, _, child = str(entry.get("path", "")).rpartition(".")
            if holder:
                children.setdefault(name + holder.removeprefix(root), {})[child] = _logical_element(entry)
        self._names_by_url |= {url: name, str(model.get("type", "")): name}
        self._known.setdefault(name, Shape(name, "complex"))
        for holder, found in children.items():
            self._known[holder] = Shape(holder, "complex", {**elements.children("Element"), **found})


def _type_name(definition: Mapping[str, Any]) -> str:
    return str(definition.get("type", "")).rsplit("/", 1)[-1]


def _logical_element(entry: Mapping[str, Any]) -> elements.Element:
    same_as = str(entry.get("contentReference", "")).rpartition("#")[2]
    codes = tuple(str(part.get("code", "")).rsplit("/", 1)[-1] for part in entry.get("type", ()))
    return elements.Element(types=codes, repeats=entry.get("max", "1") not in ("0", "1"), same_as=same_as)


@cache
def _r4_shape(name: str) -> Shape | None:
    if elements.is_primitive(name):
        return Shape(name, "primitive", elements.children("Element"))
    try:
        found = elements.children(name)
    except elements.UnknownElement:
        return None
    is_resource = name in elements.resource_types() or name in ABSTRACT
    return Shape(name, "resource" if is_resource else "complex", found)
