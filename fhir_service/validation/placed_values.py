"""The coded values and references of a resource, each with its definition and its place.

What there can be in an object of each kind is read off the element catalogue once, so that looking reads tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

from fhir_service.definitions.elements import Element, Property, is_a, is_primitive, properties

Kind = Literal["code", "Coding", "CodeableConcept", "Quantity", "Reference"]

_RESOURCE = "Resource"
_CODE_TYPES = frozenset({"code", "uri"})


class Place(NamedTuple):
    """A step of a path; made into text only where something is said. `item` is -1 where there is no array."""

    above: Place | None
    name: str
    item: int = -1

    @property
    def expression(self) -> str:
        """Its FHIRPath."""
        steps: list[str] = []
        at: Place | None = self
        while at is not None:
            steps.append(at.name if at.item < 0 else f"{at.name}[{at.item}]")
            at = at.above
        return ".".join(reversed(steps))


class Placed(NamedTuple):
    """One value. `name` is that of its element (`Condition.code`), `language` what the resource around it says of its
    words (may be empty), `resource` that resource; of a contained one the resource that contains it."""

    kind: Kind
    value: Any
    element: Element
    name: str
    place: Place
    language: str
    resource: Mapping[str, Any]


class _Step(NamedTuple):
    """What a property holds: `kind` for a value that is looked for, `holder` for what has values below it."""

    stem: str
    kind: Kind | None
    element: Element
    name: str
    holder: str


class _Object(NamedTuple):
    holder: str
    value: Mapping[str, Any]
    place: Place
    language: str
    resource: Mapping[str, Any]


def placed_values(resource: Mapping[str, Any], place: Place | None = None) -> Iterator[Placed]:
    """Those of a resource whose structure is right, everything nested in it included; `place` is that of a nested
    one."""
    name = resource["resourceType"]
    waiting = [_Object(name, resource, place or Place(None, name), resource.get("language", ""), resource)]
    while waiting:
        holder, value, around, language, root = waiting.pop()
        known = _steps(holder)
        inner: list[_Object] = []
        for key, part in value.items():
            if (step := known.get(key)) is None:
                continue
            is_list = type(part) is list
            for index, item in enumerate(part if is_list else (part,)):
                if item is None:
                    continue
                at = Place(around, step.stem, index if is_list else -1)
                if step.kind is not None:
                    yield Placed(step.kind, item, step.element, step.name, at, language, root)
                if step.holder == _RESOURCE:
                    nested_in = root if key == "contained" else item
                    inner.append(_Object(item["resourceType"], item, at, item.get("language", language), nested_in))
                elif step.holder:
                    inner.append(_Object(step.holder, item, at, language, root))
        waiting += reversed(inner)


@cache
def _steps(holder: str) -> Mapping[str, _Step]:
    """By JSON property, `_` siblings included."""
    found: dict[str, _Step] = {}
    for key, entry in properties(holder).items():
        if (step := _step(holder, entry)) is not None:
            found[key] = step
        if is_primitive(entry.type) and entry.type != "xhtml" and not entry.element.attribute:
            found[f"_{key}"] = _Step(entry.name.removesuffix("[x]"), None, entry.element, "", "Element")
    return found


def _step(holder: str, entry: Property) -> _Step | None:
    kind = _kind(entry)
    below = "" if is_primitive(entry.type) else _RESOURCE if entry.type == _RESOURCE else entry.holder
    if kind is None and not below:
        return None
    return _Step(entry.name.removesuffix("[x]"), kind, entry.element, f"{holder}.{entry.name}", below)


def _kind(entry: Property) -> Kind | None:
    match entry.type:
        case "Coding" | "CodeableConcept" | "Reference":
            return entry.type
        case other if other in _CODE_TYPES:
            return "code" if entry.element.binding is not None else None
    return "Quantity" if is_a(entry.type, "Quantity") else None
