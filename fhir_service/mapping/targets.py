"""The right side of a rule: makes a value and puts it into the output.

A single element takes one value; a second one is an error, an element that was only opened (`tgt.code as c`) is opened
again. A repeating element appends. The type of the value picks the property of a choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_service.fhir.fhirpath import FhirPathError
from fhir_service.fhir.nodes import Node, PrimitiveNode
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.run import Place, Run, Written
from fhir_service.mapping.scope import Code, Frame, Scope, Variable
from fhir_service.mapping.shapes import Property, Shape, Shapes, Slot
from fhir_service.mapping.syntax import Target
from fhir_service.mapping.transforms import Made, Value
from fhir_service.mapping.values import Fit, assignable, fit_to, json_kind, show

Put = Callable[[Run, Node, Any], Any]
"""Puts a value into a node and gives it back as it now stands there."""


class PinnedList(list[Any]):
    """A list with a first or a last item that a rule has claimed."""

    first = False
    last = False


def build_target(shapes: Shapes, target: Target, made: Made | None, scope: Scope, around: Scope, place: Place) -> Code:
    """Code for one target; defines its variable in `scope`, what it shares in `around`. Raises Fault."""
    if target.context is None:
        return placed_code(_into_variable(target, _required(made), scope), place)
    context = scope.find(target.context)
    if target.element is None:
        return placed_code(_whole_context(shapes, target, made, context, scope), place)
    slot = _slot(context, target)
    keep = target.variable is not None
    if target.list_rule_id is not None or "single" in target.list_mode:
        return placed_code(_shared(shapes, target, made, context, slot, scope, around), place)
    value, shape, put = _placing(shapes, target, slot, made, keep=keep)
    return _write(context.slot, value, put, _define(target, shape, scope), place)


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
            frame[slot] = found

    return code


def _whole_context(shapes: Shapes, target: Target, made: Made | None, context: Variable, scope: Scope) -> Code:
    if made is None:
        if target.variable is not None:
            scope.bind(target.variable, context)
        return lambda run, frame: None
    if context.mode != "target" or context.shape is None or context.shape.kind != "primitive":
        raise Fault(f"name the element of {target.context} that is to be written")
    value, fit, slot = made.value, fit_to(shapes, context.shape), context.slot
    if target.variable is not None:
        scope.bind(target.variable, context)

    def code(run: Run, frame: Frame) -> None:
        found, node = value(run, frame), frame[slot]
        if found is not None and node is not None:
            _set_value(node, fit(found), f"{target.context}")
            if run.trace is not None:
                run.trace.append(Written(run.at, node, "", None))

    return code


def placed_code(code: Code, place: Place) -> Code:
    """The same code; what goes wrong in it is told with the place of the target."""

    def told(run: Run, frame: Frame) -> None:
        try:
            code(run, frame)
        except (Fault, FhirPathError) as fault:
            raise place.error(str(fault)) from fault

    return told


def _write(context: int, value: Value, put: Put, variable: int | None, place: Place) -> Code:
    def code(run: Run, frame: Frame) -> None:
        node = frame[context]
        try:
            found = value(run, frame) if node is not None else None
            if found is not None:
                found = put(run, node, found)
        except (Fault, FhirPathError) as fault:
            raise place.error(str(fault)) from fault
        if variable is not None:
            frame[variable] = found

    return code


def _shared(
    shapes: Shapes, target: Target, made: Made | None, context: Variable, slot: Slot, scope: Scope, around: Scope
) -> Code:
    name = target.list_rule_id
    held = around.shared(name) if name is not None else None
    value, shape, put = _placing(shapes, target, slot, made, keep=True)
    variable, at, keys = _define(target, shape, scope), context.slot, [entry.key for entry in slot.properties]

    def code(run: Run, frame: Frame) -> None:
        node = frame[at]
        found = frame[held] if held is not None else _last_of(node, keys)
        if found is None and node is not None:
            made_value = value(run, frame)
            found = put(run, node, made_value) if made_value is not None else None
            if held is not None:
                frame[held] = found
        if variable is not None:
            frame[variable] = found

    return code


def _last_of(node: Node | None, keys: list[str]) -> Any:
    if node is None:
        return None
    found = next((node[key] for key in keys if key in node), None)
    return found[-1] if isinstance(found, list) else found


def _placing(
    shapes: Shapes, target: Target, slot: Slot, made: Made | None, *, keep: bool
) -> tuple[Value, Shape | None, Put]:
    """How the value is made, of which type it is, and how it is put in its place."""
    if made is None:
        if slot.is_choice:
            raise Fault(f"{slot.name} may be {_types(slot)}: say create('Type')")
        entry = slot.properties[0]
        shape = _shape(shapes, entry)
        if shape.is_abstract:
            raise Fault(f"{slot.name} is a {shape.name}: say create('Type')")
        kind = PrimitiveNode if shape.kind == "primitive" else Node
        return lambda run, frame: kind(shape), shape, _putter(target, slot, entry, None, opened=True)
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
    put = _putter(target, slot, entry, fit, opened=target.transform == "create")
    return made.value, result, _keeping(put, wanted) if keep and wanted.kind == "primitive" else put


_HANDED_ON = frozenset({None, "copy", "evaluate"})
"""Transforms whose value may be content of the source, which nobody has checked."""


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
        put = _putter(target, slot, entry, fit_to(shapes, wanted), opened=False)
        return _keeping(put, wanted) if keep and wanted.kind == "primitive" else put

    def put(run: Run, node: Node, value: Any) -> Any:
        entry = slot.properties[0] if not slot.is_choice else _property_of_content(shapes, slot, value)
        if entry.key not in puts:
            puts[entry.key] = put_for(entry)
        return puts[entry.key](run, node, value)

    return put


def _property_of_content(shapes: Shapes, slot: Slot, value: Any) -> Property:
    shape = value.shape if isinstance(value, Node) else shapes.named("boolean") if isinstance(value, bool) else None
    entry = _property_for(shapes, slot, shape)
    if entry is None:
        raise Fault(f"which of {_types(slot)} {show(value)} is for {slot.name} cannot be told; cast(…, 'type') says it")
    return entry


def _keeping(put: Put, wanted: Shape) -> Put:
    """A primitive that a variable holds becomes a node, so that extensions can be written to it."""

    def keep(run: Run, node: Node, value: Any) -> Any:
        return put(run, node, value if type(value) is PrimitiveNode else PrimitiveNode(wanted, value))

    return keep


def _putter(target: Target, slot: Slot, entry: Property, fit: Fit | None, *, opened: bool) -> Put:
    if slot.repeats:
        return _appending(target, entry.key, fit)
    if any(mode in ("first", "last") for mode in target.list_mode):
        raise Fault(f"{slot.name} does not repeat: it has no first or last")
    return _setting(slot, entry.key, fit, opened=opened)


def _setting(slot: Slot, key: str, fit: Fit | None, *, opened: bool) -> Put:
    others = slot.keys - {key}

    def put(run: Run, node: Node, value: Any) -> Any:
        fitted = value if fit is None else fit(value)
        known = node.get(key)
        if known is not None:
            fitted = _again(node, key, known, fitted, opened=opened)
        elif others and not others.isdisjoint(node):
            raise Fault(f"{slot.name} of this {node.shape.name} already has a value of another type")
        else:
            node[key] = fitted
        if run.trace is not None:
            run.trace.append(Written(run.at, node, key, None))
        return fitted

    return put


def _again(node: Node, key: str, known: Any, fitted: Any, *, opened: bool) -> Any:
    """A single element that is there already: opened again, given the value it was opened for, or an error."""
    if type(fitted) is PrimitiveNode and not isinstance(known, Node):
        known = node[key] = PrimitiveNode(fitted.shape, known)
    if isinstance(known, PrimitiveNode):
        value = fitted.value if type(fitted) is PrimitiveNode else fitted
        if value is not None:
            _set_value(known, value, f"{node.shape.name}.{key}")
        if type(fitted) is PrimitiveNode:
            known.update(fitted)
        return known
    if opened and isinstance(known, Node) and isinstance(fitted, Node) and known.shape is fitted.shape:
        return known
    if type(known) is type(fitted) and known == fitted and not isinstance(known, Node):
        return known
    raise Fault(f"{node.shape.name}.{key} is {show(known)} already, it cannot become {show(fitted)}")


def _set_value(node: PrimitiveNode, value: Any, name: str) -> None:
    if node.value is not None and node.value != value:
        raise Fault(f"{name} is {show(node.value)} already, it cannot become {show(value)}")
    node.value = value


def _appending(target: Target, key: str, fit: Fit | None) -> Put:
    at_first, at_last = "first" in target.list_mode, "last" in target.list_mode

    def put(run: Run, node: Node, value: Any) -> Any:
        fitted = value if fit is None else fit(value)
        items = node.get(key)
        if items is None:
            items = node[key] = PinnedList() if at_first or at_last else []
        if at_first or at_last or type(items) is PinnedList:
            _insert(node, key, fitted, at_first=at_first, at_last=at_last)
        else:
            items.append(fitted)
        if run.trace is not None:
            run.trace.append(Written(run.at, node, key, len(items) - 1))
        return fitted

    return put


def _insert(node: Node, key: str, value: Any, *, at_first: bool, at_last: bool) -> None:
    if type(node[key]) is not PinnedList:
        node[key] = PinnedList(node[key])
    items = node[key]
    if (at_first and items.first) or (at_last and items.last):
        raise Fault(f"{node.shape.name}.{key} has a {'first' if at_first else 'last'} item already")
    if at_first:
        items.insert(0, value)
        items.first = True
    elif at_last or not items.last:
        items.append(value)
        items.last = items.last or at_last
    else:
        items.insert(len(items) - 1, value)
