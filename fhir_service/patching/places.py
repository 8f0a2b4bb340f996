"""Elements of a resource by where they stand in its JSON, so that they can be changed there.

A primitive that repeats stands in two arrays, `given` and `_given`: every change here keeps them in step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from fhir_service.definitions.elements import (
    Element,
    Property,
    UnknownElement,
    children,
    is_primitive,
    properties,
    resource_types,
)
from fhir_service.fhir.nodes import PrimitiveNode


class Item(NamedTuple):
    """The value of an element, and what stands beside a primitive under its name with `_`."""

    value: Any
    beside: Any = None


@dataclass(frozen=True, slots=True)
class Slot:
    """The JSON property `key` of the object `owner`: one element, or the list of them. `holder` has its definition."""

    owner: dict[str, Any]
    key: str
    entry: Property
    path: str
    holder: str = ""

    @property
    def items(self) -> list[Item]:
        """What is there, a single element as a list of one."""
        values, besides = _listed(self.owner.get(self.key)), _listed(self.owner.get(f"_{self.key}"))
        size = max(len(values), len(besides))
        values, besides = values + [None] * (size - len(values)), besides + [None] * (size - len(besides))
        return [Item(value, beside) for value, beside in zip(values, besides, strict=True)]

    @property
    def choices(self) -> list[Slot]:
        """This slot, and those that the same element would have with another type."""
        if not self.holder:
            return [self]
        return slots_of(self.holder, self.entry.name, self.owner, self.path)

    def rename(self, key: str) -> None:
        """Have what is here under another key, at the same place among the members."""
        if key != self.key:
            names = {self.key: key, f"_{self.key}": f"_{key}"}
            members = [(names.get(name, name), value) for name, value in self.owner.items()]
            self.owner.clear()
            self.owner.update(members)

    def put(self, items: list[Item]) -> None:
        """Have these there, and no property where there is none."""
        repeats = self.entry.element.repeats
        for key, parts in ((self.key, [item.value for item in items]), (f"_{self.key}", [i.beside for i in items])):
            if all(part is None for part in parts):
                self.owner.pop(key, None)
            else:
                self.owner[key] = parts if repeats else parts[0]


@dataclass(frozen=True, slots=True)
class Place:
    """One element: the `index`-th of its slot (0 where it does not repeat)."""

    slot: Slot
    index: int

    @property
    def item(self) -> Item:
        owner, key = self.slot.owner, self.slot.key
        return Item(_at(owner.get(key), self.index), _at(owner.get(f"_{key}"), self.index))

    @property
    def key(self) -> tuple[int, str, int]:
        """Equal for equal places."""
        return id(self.slot.owner), self.slot.key, self.index

    @property
    def type(self) -> str:
        """Its FHIR type; of a resource its own."""
        value = self.item.value
        if self.slot.entry.type == "Resource" and isinstance(value, dict):
            return str(value.get("resourceType"))
        return self.slot.entry.type

    @property
    def path(self) -> str:
        return f"{self.slot.path}[{self.index}]" if self.slot.entry.element.repeats else self.slot.path

    @property
    def holder(self) -> str:
        """Where FHIR says which children it may have."""
        if self.slot.entry.type == "Resource":
            return self.type if self.type in resource_types() else "Resource"
        return self.slot.entry.holder or "Element"

    @property
    def focus(self) -> Any:
        """The element as FHIRPath sees it."""
        value, beside = self.item
        if not isinstance(beside, dict):
            return value
        node = PrimitiveNode(None, value)
        node.update(beside)
        return node

    def content(self, *, make: bool = False) -> dict[str, Any]:
        """The JSON object that holds its children: the value, or what stands beside a primitive, made on demand."""
        value, beside = self.item
        if not is_primitive(self.slot.entry.type):
            return value if isinstance(value, dict) else {}
        if isinstance(beside, dict) or not make:
            return beside or {}
        made: dict[str, Any] = {}
        items = self.slot.items
        items[self.index] = Item(value, made)
        self.slot.put(items)
        return made

    def slots(self, name: str, *, make: bool = False) -> list[Slot]:
        """The JSON properties that can hold the child `name`: several for a choice of types. Raises UnknownElement."""
        path = f"{self.path}.{name.removesuffix('[x]')[:80]}"
        return slots_of(self.holder, name, self.content(make=make), path)

    def children(self, name: str) -> list[Place]:
        """The children of that name that are there. Raises UnknownElement."""
        return [Place(slot, index) for slot in self.slots(name) for index, _ in enumerate(slot.items)]


def slots_of(holder: str, name: str, owner: dict[str, Any], path: str) -> list[Slot]:
    """The properties of an object for one element: by its name, a choice by its stem, by `[x]` or by one of its types.

    Raises UnknownElement."""
    wanted = name if name in children(holder) else f"{name}[x]"
    found = {key: entry for key, entry in properties(holder).items() if entry.name == wanted or key == name}
    if not found:
        raise UnknownElement(f"{path.rpartition('.')[0]} has no element '{name[:80]}'")
    return [Slot(owner, key, entry, path, holder) for key, entry in found.items()]


def root(resource: dict[str, Any]) -> Place:
    """The place of a whole resource."""
    entry = Property("resource", Element(types=("Resource",)), "Resource", "Resource")
    return Place(Slot({"resource": resource}, "resource", entry, str(resource.get("resourceType"))), 0)


def without_empty(value: dict[str, Any]) -> None:
    """Take out objects and arrays in which nothing is left: FHIR knows no element without content."""
    for key in list(value):
        match value[key]:
            case dict() as child:
                without_empty(child)
            case list() as items:
                for item in items:
                    if isinstance(item, dict):
                        without_empty(item)
                if not key.startswith("_"):
                    value[key] = [item for item in items if item != {}]
        if value[key] in ({}, []):
            del value[key]
    for key in [key for key in value if key.startswith("_") and isinstance(value[key], list)]:
        _realigned(value, key.removeprefix("_"))


def _realigned(owner: dict[str, Any], key: str) -> None:
    entry = Property(key, Element(repeats=True), "", "")
    slot = Slot(owner, key, entry, key)
    items = [Item(value, beside or None) for value, beside in slot.items]
    slot.put([item for item in items if item != (None, None)])


def _at(value: Any, index: int) -> Any:
    if not isinstance(value, list):
        return value
    return value[index] if index < len(value) else None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
