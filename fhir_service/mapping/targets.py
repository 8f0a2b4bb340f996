"""The right side of a rule: makes a value and puts it into the output.

A single element takes one value; an element that was only opened (`tgt.code as c`) is opened again. A repeating element
appends. The type of the value picks the property of a choice.
"""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.nodes import ContentFault, Node
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.made import Made, Value
from fhir_service.mapping.placing import Placing, place_value
from fhir_service.mapping.putting import Put, is_constant, set_value
from fhir_service.mapping.run import Place, Run
from fhir_service.mapping.scope import Code, Frame, Scope, Variable
from fhir_service.mapping.shapes import Shape, Shapes, Slot
from fhir_service.mapping.syntax import Target
from fhir_service.mapping.values import fit_to

_REUSING = frozenset({"single", "collate"})
"""List modes that write to an item that is there already: the last one, or the first one."""


def build_target(
    shapes: Shapes, target: Target, made: Made | None, *, scope: Scope, around: Scope, place: Place
) -> Code:
    """Code for one target; defines its variable in `scope`, what it shares in `around`. Raises Fault."""
    if target.context is None:
        return placed_code(_into_variable(target, _required(made), scope), place)
    context = scope.find(target.context)
    if target.element is None or (target.element == "value" and made is not None and _is_primitive(context)):
        return placed_code(_whole_context(shapes, target, made, context, scope), place)
    slot = _slot(context, target)
    shared = target.list_rule_id is not None or not _REUSING.isdisjoint(target.list_mode)
    placing = place_value(shapes, target, slot, made, keep=shared or target.variable is not None)
    if shared:
        return placed_code(_shared(target, context, slot, placing, scope=scope, around=around), place)
    value, shape, put = placing
    return _write(context.slot, value, put, _define(target, shape, scope), place)


def _is_primitive(context: Variable) -> bool:
    return context.mode == "target" and context.shape is not None and context.shape.kind == "primitive"


def _required(made: Made | None) -> Made:
    if made is None:
        raise Fault("a target without an element takes a transform")
    return made


def _slot(context: Variable, target: Target) -> Slot:
    if context.mode != "target":
        raise Fault(f"{target.context} is a source, it cannot be written to")
    if context.shape is None:
        raise Fault(f"the type of {target.context} is not known; name it in the group or say create('Type')")
    slot = context.shape.slots.get(target.element or "")
    if slot is None:
        raise Fault(f"{context.shape.name} has no element {target.element}")
    return slot


def _define(target: Target, shape: Shape | None, scope: Scope, mode: str = "target") -> int | None:
    return scope.define(target.variable, shape, mode).slot if target.variable is not None else None


def _into_variable(target: Target, made: Made, scope: Scope) -> Code:
    mode = "target" if target.transform == "create" else "source"
    value, slot = made.value, _define(target, made.shape, scope, mode)

    def code(run: Run, frame: Frame) -> None:
        found = value(run, frame)
        if slot is not None:
            frame[slot] = run.hold(found)

    return code


def _whole_context(shapes: Shapes, target: Target, made: Made | None, context: Variable, scope: Scope) -> Code:
    if made is None:
        if target.variable is not None:
            scope.bind(target.variable, context)
        return lambda _run, _frame: None
    if context.shape is None or not _is_primitive(context):
        raise Fault(f"name the element of {target.context} that is to be written")
    value, fit, slot = made.value, fit_to(shapes, context.shape), context.slot
    constant = is_constant(target)
    if target.variable is not None:
        scope.bind(target.variable, context)

    def code(run: Run, frame: Frame) -> None:
        found, node = value(run, frame), frame[slot]
        if found is not None and node is not None:
            set_value(run, node, fit(found), f"{target.context}")
            if run.trace is not None:
                run.trace.append((run.at, node, "", None, node, constant))

    return code


def placed_code(code: Code, place: Place) -> Code:
    """The same code; what goes wrong in it is told with the place of the target."""

    def told(run: Run, frame: Frame) -> None:
        try:
            code(run, frame)
        except ContentFault as fault:
            raise place.told(fault) from fault

    return told


def _write(context: int, value: Value, put: Put, variable: int | None, place: Place) -> Code:
    def code(run: Run, frame: Frame) -> None:
        node = frame[context]
        try:
            found = value(run, frame) if node is not None else None
            if found is not None:
                found = put(run, node, found)
        except ContentFault as fault:
            raise place.told(fault) from fault
        if variable is not None:
            frame[variable] = found

    return code


def _shared(target: Target, context: Variable, slot: Slot, placing: Placing, *, scope: Scope, around: Scope) -> Code:
    name = target.list_rule_id
    held = around.shared(name) if name is not None else None
    value, shape, put = placing
    variable, at, keys = _define(target, shape, scope), context.slot, [entry.key for entry in slot.properties]
    which = 0 if "collate" in target.list_mode else -1

    def code(run: Run, frame: Frame) -> None:
        node = frame[at]
        found = frame[held] if held is not None else _known_item(node, keys, which)
        if found is None and node is not None:
            made_value = value(run, frame)
            found = put(run, node, made_value) if made_value is not None else None
            if held is not None:
                frame[held] = found
        if variable is not None:
            frame[variable] = found

    return code


def _known_item(node: Node | None, keys: list[str], which: int) -> Any:
    if node is None:
        return None
    found = next((node[key] for key in keys if key in node), None)
    return found[which] if isinstance(found, list) else found
