"""Whether a value can stand where a type is wanted, and in what form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from fhir_service.definitions import elements
from fhir_service.fhir.nodes import Node, PrimitiveNode, child_items, plain
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.shapes import Shape, Shapes

Fit = Callable[[Any], Any]

_DIGITS = 400
"""A longer number is written with its exponent."""
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][-+]?[0-9]{1,3})?")
_INTEGERS = frozenset({"integer", "unsignedInt", "positiveInt"})
_QUANTITIES = frozenset({"Quantity", "Age", "Duration", "Distance", "Count", "SimpleQuantity", "MoneyQuantity"})


def json_kind(primitive: str) -> str:
    """`boolean`, `integer`, `decimal` or `string`: how a primitive type is written in JSON."""
    if primitive in ("boolean", "decimal"):
        return primitive
    return "integer" if primitive in _INTEGERS else "string"


def assignable(shapes: Shapes, given: Shape, wanted: str) -> bool:
    """Whether a value of one type may stand where another is wanted without losing its meaning."""
    if given.name == wanted or shapes.is_a(given.name, wanted):
        return True
    return given.name in _QUANTITIES and wanted in _QUANTITIES


def fit_to(shapes: Shapes, wanted: Shape) -> Fit:
    """A function that gives a value the form that `wanted` has in a tree, or raises Fault."""
    if wanted.kind == "primitive":
        bare = _FITS[json_kind(wanted.name)]

        def fit_primitive(value: Any) -> Any:
            if type(value) is not PrimitiveNode:
                return bare(value)
            node = PrimitiveNode(wanted, None if value.value is None else bare(value.value))
            node.update(adopt(shapes, value, wanted))
            return node

        return fit_primitive

    def fit_complex(value: Any) -> Any:
        if isinstance(value, Node) and value.shape is not None:
            if not wanted.is_abstract and not assignable(shapes, value.shape, wanted.name):
                raise Fault(f"a {value.shape.name} was given where a {wanted.name} is wanted")
            return value
        if isinstance(value, dict):
            return adopt(shapes, value, wanted)
        raise Fault(f"{show(value)} was given where a {wanted.name} is wanted")

    return fit_complex


def adopt(shapes: Shapes, content: Mapping[str, Any], shape: Shape) -> Node:
    """A copy of JSON content as a node of that type. Raises Fault where the content is not of the type."""
    if shape.kind == "resource":
        shape = _resource_shape(shapes, content, shape)
    node = Node(shape)
    for key in content:
        name = key.removeprefix("_")
        if key == "resourceType" or name in node:
            continue
        slot = shape.slots.get(name)
        if slot is None or slot.is_choice:
            raise Fault(f"{shape.name} has no element {name}")
        wanted = shapes.named(slot.properties[0].shape)
        if wanted is None:
            raise Fault(f"nothing is known of the type {slot.properties[0].shape}")
        fit = fit_to(shapes, wanted)
        given = content.get(name, content.get("_" + name))
        if isinstance(given, list) != slot.repeats:
            raise Fault(f"{shape.name}.{name} is {'a list' if slot.repeats else 'a single element'}")
        items = [fit(item) for item in child_items(dict(content), name, wanted)]
        for item in items:
            if isinstance(item, Node):
                item.placed = True
        if items:
            node[name] = items if slot.repeats else items[0]
    return node


def _resource_shape(shapes: Shapes, content: Mapping[str, Any], wanted: Shape) -> Shape:
    given = shapes.named(str(content.get("resourceType", wanted.name)))
    if given is None or given.is_abstract or not (wanted.is_abstract or given.name == wanted.name):
        raise Fault(f"a {content.get('resourceType')} was given where a {wanted.name} is wanted")
    return given


def show(value: Any) -> str:
    """A value in a message, short."""
    bare = plain(value)
    if isinstance(bare, bool):
        return "true" if bare else "false"
    if isinstance(bare, dict):
        return "an object"
    text = f"'{bare}'" if isinstance(bare, str) else str(bare)
    return text if len(text) <= 40 else f"{text[:37]}…'"


def text_of(value: Any) -> str:
    """A primitive as text, as it is written in JSON. Raises Fault."""
    bare = plain(value)
    if isinstance(bare, str):
        return bare
    if isinstance(bare, bool):
        return "true" if bare else "false"
    if isinstance(bare, Decimal):
        return format(bare, "f") if abs(bare.adjusted()) < _DIGITS else str(bare)
    if isinstance(bare, int):
        return str(bare)
    raise Fault(f"{show(value)} is no text")


def cast(value: Any, primitive: str) -> Any:
    """A primitive as another primitive type. Raises Fault where its text is not of that type."""
    text, kind = text_of(value), json_kind(primitive)
    pattern = _pattern(primitive)
    if pattern is not None and not pattern.fullmatch(text):
        raise Fault(f"{show(value)} is no {primitive}")
    if kind == "boolean":
        return _boolean_of(text)
    if kind == "integer":
        return _integer_of(text)
    return _decimal_of(text) if kind == "decimal" else text


def _boolean_of(text: str) -> bool:
    if text not in ("true", "false"):
        raise Fault(f"'{text}' is no boolean")
    return text == "true"


def _integer_of(text: str) -> int:
    if not _INTEGER.fullmatch(text.removeprefix("+")):
        raise Fault(f"{show(text)} is no integer")
    return int(text)


def _decimal_of(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise Fault(f"{show(text)} is no decimal")
    return Decimal(text)


@cache
def _pattern(primitive: str) -> re.Pattern[str] | None:
    found = elements.primitives().get(primitive)
    return re.compile(found.pattern) if found is not None and found.pattern else None


def _fit_string(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, dict | list | float):
        raise Fault(f"{show(value)} was given where a text is wanted")
    return text_of(value)


def _fit_boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    if value in ("true", "false"):
        return value == "true"
    raise Fault(f"{show(value)} was given where a boolean is wanted")


def _fit_integer(value: Any) -> Any:
    if type(value) is int:
        return value
    if isinstance(value, Decimal) and value.adjusted() < _DIGITS and value == value.to_integral_value():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise Fault(f"{show(value)} was given where an integer is wanted")


def _fit_decimal(value: Any) -> Any:
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        raise Fault(f"{value} has lost its written form: read JSON numbers as Decimal")
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    raise Fault(f"{show(value)} was given where a decimal is wanted")


_FITS: Mapping[str, Fit] = {
    "string": _fit_string,
    "boolean": _fit_boolean,
    "integer": _fit_integer,
    "decimal": _fit_decimal,
}
