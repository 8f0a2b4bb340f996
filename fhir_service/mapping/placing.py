"""Which property of an element takes a value, by the type of the value, and in what form."""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.nodes import Node, PrimitiveNode
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.made import Made, Value
from fhir_service.mapping.putting import Put, keeping, putter
from fhir_service.mapping.run import Run
from fhir_service.mapping.shapes import Property, Shape, Shapes, Slot
from fhir_service.mapping.syntax import Target
from fhir_service.mapping.values import Fit, assignable, fit_to, json_kind, show

Placing = tuple[Value, Shape | None, Put]
"""How a value is made, of which type it is, and how it is put in its place."""
_HANDED_ON = frozenset({None, "copy", "evaluate"})
"""Transforms whose value may be content of the source, which nobody has checked."""


def place_value(shapes: Shapes, target: Target, slot: Slot, made: Made | None, *, keep: bool) -> Placing:
    """How the value is made, of which type it is, and how it is put in its place."""
    if made is None:
        if slot.is_choice:
            raise Fault(f"{slot.name} may be {_types(slot)}: say create('Type')")
        entry = slot.properties[0]
        shape = _shape(shapes, entry)
        if shape.is_abstract:
            raise Fault(f"{slot.name} is a {shape.name}: say create('Type')")
        kind = PrimitiveNode if shape.kind == "primitive" else Node
        return lambda _run, _frame: kind(shape), shape, putter(target, slot, entry, None, opened=True)
    if made.shape is None:
        return made.value, _only_shape(shapes, slot), _by_content(shapes, target, slot, keep=keep)
    entry, made = _choose(shapes, slot, made)
    wanted = _shape(shapes, entry)
    result = wanted if wanted.kind == "primitive" else made.shape
    fit: Fit | None = fit_to(shapes, wanted)
    if made.constant is not None and fit is not None:
        made = _fitted_constant(fit(_literal(made.constant, wanted)), made.shape)
        fit = None
    elif target.transform not in _HANDED_ON and _same_json(made.shape, wanted):
        fit = None
    put = putter(target, slot, entry, fit, opened=target.transform == "create")
    return made.value, result, keeping(put, wanted) if keep and wanted.kind == "primitive" else put


def _same_json(given: Shape | None, wanted: Shape) -> bool:
    if given is None or wanted.kind != "primitive" or given.kind != "primitive":
        return given is not None and wanted.kind != "primitive"
    return json_kind(given.name) == json_kind(wanted.name)


def _fitted_constant(constant: Any, shape: Shape | None) -> Made:
    return Made(lambda _run, _frame: constant, shape)


def _literal(constant: Any, wanted: Shape) -> Any:
    if wanted.kind != "primitive":
        raise Fault(f"{show(constant)} was given where a {wanted.name} is wanted")
    return constant


def _only_shape(shapes: Shapes, slot: Slot) -> Shape | None:
    if slot.is_choice:
        return None
    shape = _shape(shapes, slot.properties[0])
    return None if shape.is_abstract else shape


def _shape(shapes: Shapes, entry: Property) -> Shape:
    shape = shapes.named(entry.shape)
    if shape is None:
        raise Fault(f"nothing is known of the type {entry.shape}")
    return shape


def _types(slot: Slot) -> str:
    return ", ".join(entry.shape for entry in slot.properties)


def _choose(shapes: Shapes, slot: Slot, made: Made) -> tuple[Property, Made]:
    """The property for a value of that type. Raises Fault."""
    candidate: Made | None = made
    while candidate is not None:
        entry = _property_for(shapes, slot, candidate.shape)
        if entry is not None:
            return entry, candidate
        candidate = candidate.instead
    name = made.shape.name if made.shape is not None else "value"
    if slot.is_choice:
        raise Fault(f"{slot.name} may be {_types(slot)}, not {name}; cast(…, 'type') says which primitive is meant")
    raise Fault(f"a {name} was given where {slot.name} wants a {_types(slot)}")


def _property_for(shapes: Shapes, slot: Slot, given: Shape | None) -> Property | None:
    if given is None:
        return None
    exact = next((entry for entry in slot.properties if entry.shape == given.name), None)
    if exact is not None:
        return exact
    if given.kind == "primitive":
        only = None if slot.is_choice else slot.properties[0]
        return only if only is not None and _shape(shapes, only).kind == "primitive" else None
    fitting = [entry for entry in slot.properties if _may_hold(shapes, entry, given)]
    return fitting[0] if fitting else None


def _may_hold(shapes: Shapes, entry: Property, given: Shape) -> bool:
    wanted = _shape(shapes, entry)
    if wanted.is_abstract:
        return given.kind == "resource"
    return wanted.kind != "primitive" and assignable(shapes, given, wanted.name)


def _by_content(shapes: Shapes, target: Target, slot: Slot, *, keep: bool) -> Put:
    """For a value whose type is known only when it is there."""
    puts: dict[str, Put] = {}

    def put_for(entry: Property) -> Put:
        wanted = _shape(shapes, entry)
        put = putter(target, slot, entry, fit_to(shapes, wanted), opened=False)
        return keeping(put, wanted) if keep and wanted.kind == "primitive" else put

    def put(run: Run, node: Node, value: Any) -> Any:
        entry = slot.properties[0] if not slot.is_choice else _property_of_content(shapes, slot, value)
        if entry.key not in puts:
            puts[entry.key] = put_for(entry)
        return puts[entry.key](run, node, value)

    return put


def _property_of_content(shapes: Shapes, slot: Slot, value: Any) -> Property:
    shape = value.shape if isinstance(value, Node) else shapes.named("boolean") if isinstance(value, bool) else None
    entry = _property_for(shapes, slot, shape)
    if entry is None and isinstance(value, Node):
        raise Fault(f"{slot.name} may be {_types(slot)}, not {value.shape.name}")
    if entry is None:
        raise Fault(f"which of {_types(slot)} {show(value)} is for {slot.name} cannot be told; cast(…, 'type') says it")
    return entry
