"""The items below a parent in the source, and their type as far as it is known before they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.nodes import Node, PrimitiveNode, child_items
from fhir_service.mapping import syntax
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.scope import Variable
from fhir_service.mapping.shapes import Property, Shape, Shapes, Slot
from fhir_service.mapping.values import json_kind, show

Fetch = Callable[[Any], Sequence[Any]]
"""The items below a parent."""


@dataclass(frozen=True, slots=True)
class Found:
    """Items and their type; `shape_of` where it is told by each item, or by the key that they are all under."""

    fetch: Fetch
    shape: Shape | None
    shape_of: Callable[[Any, Any], Shape | None] | None = None
    by_key: bool = False


def find_items(shapes: Shapes, source: syntax.Source, context: Variable) -> Found | None:
    if source.element is None:
        return Found(lambda parent: (parent,), context.shape)
    shape, element = context.shape, source.element
    if shape is None:
        return _untyped(shapes, source, element)
    if shape.kind == "primitive" and element == "value":
        return Found(_bare, shape)
    slot = shape.slots.get(element)
    if slot is None:
        if context.lenient:
            return None
        raise Fault(f"{shape.name} has no element {element}")
    return _typed(shapes, source, slot)


def _bare(parent: Any) -> Sequence[Any]:
    if type(parent) is PrimitiveNode:
        return () if parent.value is None else (parent.value,)
    return (parent,)


def _untyped(shapes: Shapes, source: syntax.Source, element: str) -> Found:
    shape = shapes.named(source.type) if source.type is not None else None
    fetch = _fetch(element, shape)
    if shape is None or shape.kind != "primitive":
        return Found(fetch, shape)
    kind = json_kind(shape.name)
    return Found(lambda parent: [item for item in fetch(parent) if _json_kind_of(item) == kind], shape)


def _json_kind_of(item: Any) -> str:
    value = item.value if type(item) is PrimitiveNode else item
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    return "decimal" if not isinstance(value, dict | list) else "object"


def _typed(shapes: Shapes, source: syntax.Source, slot: Slot) -> Found:
    properties = slot.properties
    if source.type is not None and slot.is_choice:
        properties = tuple(entry for entry in properties if entry.shape == source.type)
    if not properties:
        raise Fault(f"{slot.name} is never a {source.type}")
    if len(properties) > 1:
        return _choice(shapes, properties)
    entry = properties[0]
    shape = shapes.named(entry.shape)
    if shape is not None and shape.is_abstract:
        return _resources(shapes, entry, source.type)
    if source.type not in (None, entry.shape):
        raise Fault(f"{slot.name} is a {entry.shape}, never a {source.type}")
    return Found(_fetch(entry.key, shape), shape)


def _choice(shapes: Shapes, properties: tuple[Property, ...]) -> Found:
    fetches = [(entry.key, _fetch(entry.key, shapes.named(entry.shape))) for entry in properties]
    shape_by_key = {entry.key: shapes.named(entry.shape) for entry in properties}

    def fetch(parent: Any) -> Sequence[Any]:
        return next((items for _, fetch_one in fetches if (items := fetch_one(parent))), ())

    def shape_of(parent: Any, _item: Any) -> Shape | None:
        return next((shape_by_key[key] for key, fetch_one in fetches if fetch_one(parent)), None)

    return Found(fetch, None, shape_of, by_key=True)


def _resources(shapes: Shapes, entry: Property, wanted: str | None) -> Found:
    fetch = _fetch(entry.key, None)

    def shape_of(_parent: Any, item: Any) -> Shape | None:
        if isinstance(item, Node):
            found: Shape | None = item.shape
            return found
        return shapes.named(str(item.get("resourceType"))) if isinstance(item, dict) else None

    if wanted is None:
        return Found(fetch, None, shape_of)

    def of_type(parent: Any) -> Sequence[Any]:
        return [item for item in fetch(parent) if (shape := shape_of(parent, item)) and shape.name == wanted]

    return Found(of_type, shapes.named(wanted))


def _fetch(key: str, shape: Shape | None) -> Fetch:
    sibling = "_" + key

    def fetch(parent: Any) -> Sequence[Any]:
        if not isinstance(parent, dict):
            return _below_primitive(parent, key)
        if sibling in parent:
            return child_items(parent, key, shape)
        value = parent.get(key)
        if value is None:
            return ()
        return value if isinstance(value, list) else (value,)

    return fetch


def _below_primitive(parent: Any, key: str) -> Sequence[Any]:
    if key == "value":
        return (parent,)
    if key in ("extension", "id"):
        return ()
    raise Fault(f"{show(parent)} was found where an object with the element {key} is wanted")
