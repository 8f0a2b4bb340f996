"""The left side of a rule: which items of the source it applies to.

Order, as in the reference engine: items, default, cardinality, `where`, `check`, `log`, list mode. Where only the content
tells the type of an item (a choice, any resource), what follows is compiled once for each type that turns up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.fhirpath import Expression, FhirPathError
from fhir_service.fhir.nodes import Node, PrimitiveNode, child_items, to_json
from fhir_service.mapping import syntax
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.run import Origin, Place, Run
from fhir_service.mapping.scope import Code, Frame, Scope, Variable, nothing
from fhir_service.mapping.shapes import Property, Shape, Shapes, Slot
from fhir_service.mapping.values import json_kind, show

Fetch = Callable[[Any], Sequence[Any]]
"""The items below a parent."""
Compile = Callable[[syntax.Expression, Scope], Expression]
Then = Callable[[Scope], Code]
"""Compiles what follows, once the variable of the source is known."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Items and their type; `shape_of` where it is told by each item (with the key it was under)."""

    fetch: Fetch
    shape: Shape | None
    shape_of: Callable[[Any, Any], Shape | None] | None = None


def build_source(
    shapes: Shapes, source: syntax.Source, scope: Scope, place: Place, compile_expression: Compile, then: Then
) -> Code:
    """Code that runs `then` for each item of a source. Raises Fault."""
    context = scope.find(source.context)
    found = _items(shapes, source, context)
    if found is None:
        return nothing
    if found.shape_of is None:
        lenient = context.lenient
        slot, follow = _follow(source, scope, found.shape, then, lenient=lenient)
    else:
        slot, follow = _follow_by_type(source, scope, context.slot, found.shape_of, then)
    inner = scope.child()
    if source.variable is not None:
        inner.bind(source.variable, Variable(slot, found.shape, context.mode))
    select = _selection(source, inner, slot, compile_expression)
    return _loop(source, context.slot, found.fetch, slot, select, follow, place)


def _loop(
    source: syntax.Source,
    context: int,
    fetch: Fetch,
    slot: int,
    select: Callable[[Run, Frame, Sequence[Any]], Iterable[Any]] | None,
    follow: Code,
    place: Place,
) -> Code:
    element = source.element

    def code(run: Run, frame: Frame) -> None:
        parent = frame[context]
        if parent is None:
            return
        try:
            items: Any = fetch(parent)
            if select is not None:
                items = select(run, frame, items)
            for item in items:
                run.left -= 1
                if run.left < 0:
                    run.look_at_limits(place)
                frame[slot] = item
                if run.trace is not None:
                    run.at = Origin(place, parent, element, _index_of(parent, element, item))
                follow(run, frame)
        except (Fault, FhirPathError) as fault:
            raise place.error(str(fault)) from fault

    return code


def _index_of(parent: Any, element: str | None, item: Any) -> int | None:
    items = parent.get(element) if isinstance(parent, dict) and element is not None else None
    if not isinstance(items, list):
        return None
    return next((index for index, known in enumerate(items) if known is item), None)


def _follow(source: syntax.Source, scope: Scope, shape: Shape | None, then: Then, *, lenient: bool) -> tuple[int, Code]:
    inner = scope.child()
    mode = scope.find(source.context).mode if source.element is None else "source"
    variable = Variable(inner.new_slot(), shape, mode, lenient)
    inner.this = variable.slot
    if source.variable is not None:
        inner.bind(source.variable, variable)
    return variable.slot, then(inner)


def _follow_by_type(
    source: syntax.Source,
    scope: Scope,
    context: int,
    shape_of: Callable[[Any, Any], Shape | None],
    then: Then,
) -> tuple[int, Code]:
    codes: dict[str | None, Code] = {}
    slot = scope.new_slot()

    def follow(run: Run, frame: Frame) -> None:
        shape = shape_of(frame[context], frame[slot])
        name = shape.name if shape is not None else None
        code = codes.get(name)
        if code is None:
            inner = scope.child()
            inner.this = slot
            if source.variable is not None:
                inner.bind(source.variable, Variable(slot, shape, "source", lenient=True))
            code = codes[name] = then(inner)
        if len(frame) < len(scope.initial):
            frame.extend(scope.initial[len(frame) :])
        code(run, frame)

    return slot, follow


def _items(shapes: Shapes, source: syntax.Source, context: Variable) -> _Found | None:
    if source.element is None:
        return _Found(lambda parent: (parent,), context.shape)
    shape, element = context.shape, source.element
    if shape is None:
        return _untyped(shapes, source, element)
    if shape.kind == "primitive" and element == "value":
        return _Found(lambda parent: _bare(parent), shape)
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


def _untyped(shapes: Shapes, source: syntax.Source, element: str) -> _Found:
    shape = shapes.named(source.type) if source.type is not None else None
    fetch = _fetch(element, shape)
    if shape is None or shape.kind != "primitive":
        return _Found(fetch, shape)
    kind = json_kind(shape.name)
    return _Found(lambda parent: [item for item in fetch(parent) if _json_kind_of(item) == kind], shape)


def _json_kind_of(item: Any) -> str:
    value = item.value if type(item) is PrimitiveNode else item
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    return "decimal" if not isinstance(value, dict | list) else "object"


def _typed(shapes: Shapes, source: syntax.Source, slot: Slot) -> _Found:
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
    return _Found(_fetch(entry.key, shape), shape)


def _choice(shapes: Shapes, properties: tuple[Property, ...]) -> _Found:
    fetches = [(entry.key, _fetch(entry.key, shapes.named(entry.shape))) for entry in properties]
    shape_by_key = {entry.key: shapes.named(entry.shape) for entry in properties}

    def fetch(parent: Any) -> Sequence[Any]:
        return next((items for _, fetch_one in fetches if (items := fetch_one(parent))), ())

    def shape_of(parent: Any, _item: Any) -> Shape | None:
        return next((shape_by_key[key] for key, fetch_one in fetches if fetch_one(parent)), None)

    return _Found(fetch, None, shape_of)


def _resources(shapes: Shapes, entry: Property, wanted: str | None) -> _Found:
    fetch = _fetch(entry.key, None)

    def shape_of(_parent: Any, item: Any) -> Shape | None:
        if isinstance(item, Node):
            found: Shape | None = item.shape
            return found
        return shapes.named(str(item.get("resourceType"))) if isinstance(item, dict) else None

    if wanted is None:
        return _Found(fetch, None, shape_of)

    def of_type(parent: Any) -> Sequence[Any]:
        return [item for item in fetch(parent) if (shape := shape_of(parent, item)) and shape.name == wanted]

    return _Found(of_type, shapes.named(wanted))


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


def _selection(
    source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile
) -> Callable[[Run, Frame, Sequence[Any]], Iterable[Any]] | None:
    """What default, cardinality, where, check, log and list mode make of the items; None where there is none of them."""
    steps = [
        _default(source, scope, compile_expression),
        _cardinality(source),
        _where(source, scope, slot, compile_expression),
        _check(source, scope, slot, compile_expression),
        _log(source, scope, slot, compile_expression),
        _list_mode(source),
    ]
    wanted = [step for step in steps if step is not None]
    if not wanted:
        return None
    if len(wanted) == 1:
        return wanted[0]

    def select(run: Run, frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        for step in wanted:
            items = step(run, frame, items)
        return items

    return select


_Step = Callable[[Run, Frame, Sequence[Any]], Sequence[Any]]


def _default(source: syntax.Source, scope: Scope, compile_expression: Compile) -> _Step | None:
    if source.default is None:
        return None
    expression = compile_expression(source.default, scope)
    return lambda run, frame, items: items or expression(None, frame)


def _cardinality(source: syntax.Source) -> _Step | None:
    if source.min is None:
        return None
    low, high = source.min, source.max

    def step(_run: Run, _frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        if len(items) < low or (high is not None and len(items) > high):
            wanted = f"{low}..{'*' if high is None else high}"
            raise Fault(f"{source.context}.{source.element} must be there {wanted} times, it is {len(items)} times")
        return items

    return step


def _where(source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile) -> _Step | None:
    if source.condition is None:
        return None
    holds = compile_expression(source.condition, scope).holds

    def step(_run: Run, frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        kept = []
        for item in items:
            frame[slot] = item
            if holds(item, frame):
                kept.append(item)
        return kept

    return step


def _check(source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile) -> _Step | None:
    if source.check is None:
        return None
    expression = compile_expression(source.check, scope)

    def step(_run: Run, frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        for item in items:
            frame[slot] = item
            if not expression.holds(item, frame):
                raise Fault(f"the check failed: {expression.text}")
        return items

    return step


def _log(source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile) -> _Step | None:
    if source.log is None:
        return None
    expression = compile_expression(source.log, scope)

    def step(run: Run, frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        for item in items:
            frame[slot] = item
            run.log.extend(str(to_json(entry)) for entry in expression(item, frame))
        return items

    return step


def _list_mode(source: syntax.Source) -> _Step | None:
    if source.list_mode == "only_one":
        return _only_one
    part = _PARTS.get(source.list_mode or "")
    return None if part is None else lambda run, frame, items: items[part]


def _only_one(_run: Run, _frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
    if len(items) > 1:
        raise Fault(f"only one item may be here, there are {len(items)}")
    return items


_PARTS = {"first": slice(0, 1), "not_first": slice(1, None), "last": slice(-1, None), "not_last": slice(0, -1)}
