"""The left side of a rule: which items of the source it applies to.

Order, as in the reference engine: items, default, cardinality, `where`, `check`, `log`, list mode. Where only the
content tells the type of an item (a choice, any resource), what follows is compiled once for each type that turns up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fhir_service.fhir.nodes import ContentFault
from fhir_service.mapping import syntax
from fhir_service.mapping.errors import MappingLimit
from fhir_service.mapping.run import Place, Run
from fhir_service.mapping.scope import Code, Frame, Scope, Variable, nothing
from fhir_service.mapping.shapes import Shape, Shapes
from fhir_service.mapping.source_clauses import Compile, Select, build_selection
from fhir_service.mapping.source_items import Fetch, find_items

Then = Callable[[Scope], Code]
"""Compiles what follows, once the variable of the source is known."""


def build_source(
    shapes: Shapes, source: syntax.Source, scope: Scope, *, place: Place, compile_expression: Compile, then: Then
) -> Code:
    """Code that runs `then` for each item of a source. Raises Fault."""
    context = scope.find(source.context)
    found = find_items(shapes, source, context)
    if found is None:
        return nothing
    if found.shape_of is None:
        slot, follow = _follow(source, scope, found.shape, then, lenient=context.lenient)
    else:
        slot, follow = _follow_by_type(source, scope, context.slot, found.shape_of, then)

    def selection(shape: Shape | None) -> Select | None:
        inner = scope.child()
        inner.this = Variable(slot, shape, context.mode, context.lenient or found.by_key)
        if source.variable is not None:
            inner.bind(source.variable, inner.this)
        return build_selection(source, inner, slot, compile_expression)

    select = selection(found.shape)
    if select is not None and found.by_key and found.shape_of is not None:
        select = _select_by_type(select, selection, scope, context.slot, found.shape_of)
    return _loop(source.element, context.slot, slot, fetch=found.fetch, select=select, follow=follow, place=place)


def _select_by_type(
    select: Select,
    selection: Callable[[Shape | None], Select | None],
    scope: Scope,
    context: int,
    shape_of: Callable[[Any, Any], Shape | None],
) -> Select:
    """For a choice: its clauses are compiled for the type that the content has."""
    selects: dict[str, Select] = {}

    def by_type(run: Run, frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        shape = shape_of(frame[context], None)
        if shape is None:
            return select(run, frame, items)
        if shape.name not in selects:
            with scope.compiling:
                selects[shape.name] = selection(shape) or select
        return selects[shape.name](run, frame, items)

    return by_type


def _loop(
    element: str | None, context: int, slot: int, *, fetch: Fetch, select: Select | None, follow: Code, place: Place
) -> Code:
    def code(run: Run, frame: Frame) -> None:
        parent = frame[context]
        if parent is None:
            return
        outer = run.at
        try:
            items: Any = fetch(parent)
            if select is not None:
                items = select(run, frame, items)
            if not items:
                return
            for item in items:
                run.left -= 1
                if run.left < 0:
                    run.look_at_limits(place)
                frame[slot] = item
                if run.trace is not None:
                    run.at = (place, parent, element, item, outer)
                follow(run, frame)
        except ContentFault as fault:
            raise place.told(fault) from fault
        except RecursionError as error:
            raise place.error("rules and groups are nested too deeply", MappingLimit) from error
        run.at = outer

    return code


def _follow(source: syntax.Source, scope: Scope, shape: Shape | None, then: Then, *, lenient: bool) -> tuple[int, Code]:
    inner = scope.child()
    mode = scope.find(source.context).mode if source.element is None else "source"
    variable = Variable(inner.new_slot(), shape, mode, lenient)
    inner.this = variable
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

    def code_for(name: str | None, shape: Shape | None) -> Code:
        with scope.compiling:
            if name not in codes:
                inner = scope.child()
                inner.this = Variable(slot, shape, "source", lenient=True)
                if source.variable is not None:
                    inner.bind(source.variable, inner.this)
                codes[name] = then(inner)
            return codes[name]

    def follow(run: Run, frame: Frame) -> None:
        shape = shape_of(frame[context], frame[slot])
        name = shape.name if shape is not None else None
        code = codes.get(name) or code_for(name, shape)
        if len(frame) < len(scope.initial):
            frame.extend(scope.initial[len(frame) :])
        code(run, frame)

    return slot, follow
