"""Puts a value into a node: sets a single element, appends to a repeating one, keeps first and last in place.

Another value for a single element takes the place of the first, as in the reference engine; where the run says `once`
it is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_service.fhir.nodes import Node, PrimitiveNode, copied
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.run import Run
from fhir_service.mapping.shapes import Property, Shape, Slot
from fhir_service.mapping.syntax import Literal, Target
from fhir_service.mapping.values import Fit, show

Put = Callable[[Run, Node, Any], Any]
"""Puts a value into a node and gives it back as it now stands there."""


class PinnedList(list[Any]):
    """A list with a first or a last item that a rule has claimed."""

    first = False
    last = False


def putter(target: Target, slot: Slot, entry: Property, fit: Fit | None, *, opened: bool) -> Put:
    if slot.repeats:
        return _appending(target, entry.key, fit)
    if any(mode in ("first", "last") for mode in target.list_mode):
        raise Fault(f"{slot.name} does not repeat: it has no first or last")
    return _setting(slot, entry.key, fit, opened=opened, constant=is_constant(target))


def is_constant(target: Target) -> bool:
    """Whether the map itself says the value."""
    return target.transform == "copy" and isinstance(target.parameter[0], Literal)


def keeping(put: Put, wanted: Shape) -> Put:
    """A primitive that a variable holds becomes a node, so that extensions can be written to it."""

    def keep(run: Run, node: Node, value: Any) -> Any:
        return put(run, node, value if type(value) is PrimitiveNode else PrimitiveNode(wanted, value))

    return keep


def _setting(slot: Slot, key: str, fit: Fit | None, *, opened: bool, constant: bool) -> Put:
    others = slot.keys - {key}

    def put(run: Run, node: Node, value: Any) -> Any:
        fitted = value if fit is None else fit(value)
        known = node.get(key)
        run.make_room(fitted)
        if known is not None:
            fitted = _again(run, node, key, known, fitted, opened=opened)
        else:
            if others and node and not others.isdisjoint(node):
                _leave_one(run, slot, node, others)
            fitted = node[key] = fitted if type(fitted) is str else _one_place(fitted)
        if run.trace is not None:
            run.trace.append((run.at, node, key, None, fitted, constant))
        return fitted

    return put


def _leave_one(run: Run, slot: Slot, node: Node, others: frozenset[str]) -> None:
    """Another type of a choice takes the place of the one that is there."""
    if run.once:
        raise Fault(f"{slot.name} of this {node.shape.name} already has a value of another type")
    for other in others:
        node.pop(other, None)


def _one_place(value: Any) -> Any:
    """A node stands at one place of the output: put at another one too, a copy of what it now holds goes there."""
    if not isinstance(value, Node):
        return value
    if value.placed:
        return copied(value)
    value.placed = True
    return value


def _again(run: Run, node: Node, key: str, known: Any, fitted: Any, *, opened: bool) -> Any:
    """A single element that is there already: opened again, given the value it was opened for, or another value."""
    if type(fitted) is PrimitiveNode and not isinstance(known, Node):
        known = node[key] = PrimitiveNode(fitted.shape, known)
    if isinstance(known, PrimitiveNode):
        value = fitted.value if type(fitted) is PrimitiveNode else fitted
        if value is not None:
            set_value(run, known, value, f"{node.shape.name}.{key}")
        if type(fitted) is PrimitiveNode:
            known.update(copied(fitted))
        return known
    if opened and isinstance(known, Node) and isinstance(fitted, Node) and known.shape is fitted.shape:
        return known
    if type(known) is type(fitted) and known == fitted and not isinstance(known, Node):
        return known
    if run.once:
        raise Fault(f"{node.shape.name}.{key} is {show(known)} already, it cannot become {show(fitted)}")
    if isinstance(known, Node) and isinstance(fitted, Node):
        known.shape = fitted.shape
        content = copied(fitted)
        known.clear()
        known.update(content)
        return known
    node[key] = fitted
    return fitted


def set_value(run: Run, node: PrimitiveNode, value: Any, name: str) -> None:
    if run.once and node.value is not None and node.value != value:
        raise Fault(f"{name} is {show(node.value)} already, it cannot become {show(value)}")
    node.value = value


def _appending(target: Target, key: str, fit: Fit | None) -> Put:
    at_first, at_last, constant = "first" in target.list_mode, "last" in target.list_mode, is_constant(target)

    def put(run: Run, node: Node, value: Any) -> Any:
        fitted = value if fit is None else fit(value)
        run.make_room(fitted)
        fitted = _one_place(fitted)
        items = node.get(key)
        if items is None:
            items = node[key] = PinnedList() if at_first or at_last else []
        if at_first or at_last or type(items) is PinnedList:
            _insert(node, key, fitted, at_first=at_first, at_last=at_last)
        else:
            items.append(fitted)
        if run.trace is not None:
            run.trace.append((run.at, node, key, len(items) - 1, fitted, constant))
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
