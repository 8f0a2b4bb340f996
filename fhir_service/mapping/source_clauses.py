"""What default, cardinality, where, check, log and list mode make of the items of a source, in this order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fhir_service.fhir.fhirpath import Expression
from fhir_service.fhir.nodes import to_json
from fhir_service.mapping import syntax
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.run import Run
from fhir_service.mapping.scope import Frame, Scope

Compile = Callable[[syntax.Expression, Scope], Expression]
Select = Callable[[Run, Frame, Sequence[Any]], Sequence[Any]]
_PARTS = {"first": slice(0, 1), "not_first": slice(1, None), "last": slice(-1, None), "not_last": slice(0, -1)}


def build_selection(source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile) -> Select | None:
    """What the clauses make of the items; None where there are no clauses."""
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


def _default(source: syntax.Source, scope: Scope, compile_expression: Compile) -> Select | None:
    if source.default is None:
        return None
    expression = compile_expression(source.default, scope)
    return lambda _run, frame, items: items or expression(None, frame)


def _cardinality(source: syntax.Source) -> Select | None:
    if source.min is None:
        return None
    low, high = source.min, source.max

    def step(_run: Run, _frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        if len(items) < low or (high is not None and len(items) > high):
            wanted = f"{low}..{'*' if high is None else high}"
            raise Fault(f"{source.context}.{source.element} must be there {wanted} times, it is {len(items)} times")
        return items

    return step


def _where(source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile) -> Select | None:
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


def _check(source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile) -> Select | None:
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


def _log(source: syntax.Source, scope: Scope, slot: int, compile_expression: Compile) -> Select | None:
    if source.log is None:
        return None
    expression = compile_expression(source.log, scope)

    def step(run: Run, frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
        for item in items:
            frame[slot] = item
            run.log.extend(str(to_json(entry)) for entry in expression(item, frame))
        return items

    return step


def _list_mode(source: syntax.Source) -> Select | None:
    if source.list_mode == "only_one":
        return _only_one
    part = _PARTS.get(source.list_mode or "")
    return None if part is None else lambda _run, _frame, items: items[part]


def _only_one(_run: Run, _frame: Frame, items: Sequence[Any]) -> Sequence[Any]:
    if len(items) > 1:
        raise Fault(f"only one item may be here, there are {len(items)}")
    return items
