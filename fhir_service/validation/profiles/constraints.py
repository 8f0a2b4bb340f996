"""The invariants of a profile: FHIRPath on each item of an element (R4 elementdefinition.html, constraint).

What cannot be run says so and is no verdict; what could run very long is not begun, or is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from time import monotonic
from typing import Any, NamedTuple

from fhir_service.definitions.invariants import expressions_by_key
from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath import Expression, FhirPathError, compile_node
from fhir_service.fhir.fhirpath_budget import until
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.nodes import ContentFault, PrimitiveNode
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.element_rules import InvariantRule
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.runs import Run
from fhir_service.validation.profiles.trees import core_type
from fhir_service.validation.profiles.value_checks import Check

_VARIABLES = {"resource": 0, "rootResource": 1, "context": 2}
_MARK = "%"
_LONGEST = 10_000
_DEEPEST = 100
_ITERATING = frozenset({"where", "exists", "all", "select", "repeat", "aggregate", "descendants", "trace", "iif"})
_MATCHING = frozenset({"matches", "matchesFull", "replaceMatches"})
MOST_VISITS = 2_000_000
"""Items that nested iterations over a resource may come to."""
_EXTENSION = re.compile(r"%extension\b")
PATTERN_SECONDS = 0.25
"""For an invariant with regular expressions, in one place: such can backtrack for ages."""
_SEVERITIES = {"error": "error", "warning": "warning"}
_MENDED = {"($this as dateTime).toString().length() >= 8": "hasValue().not() or toString().length() >= 8"}
"""By HL7's expression ours. vs-1: its sentence is about a dateTime with a value only, its expression is never true of a
Period; and what is no object is a dateTime there."""


class _Compiled(NamedTuple):
    """An expression, how deep its iterations are nested, and whether it has regular expressions."""

    expression: Expression
    loops: int
    matches: bool


def invariant_checks(invariants: Sequence[InvariantRule], profile: str) -> Iterator[Check]:
    """A check for each invariant that is not one of R4 itself."""
    for rule in invariants:
        if rule.expression and not _is_of_r4(rule):
            yield _check(rule, profile)


def _is_of_r4(rule: InvariantRule) -> bool:
    """Whether it is one that a snapshot repeats from a type, which the layer of invariants has looked at."""
    stated = expressions_by_key().get(rule.key, ())
    return rule.expression in stated or bool(stated and core_type(rule.source))


def _check(rule: InvariantRule, profile: str) -> Check:
    severity = _SEVERITIES.get(rule.severity, "error")
    key = rule.key or "profile.invariant"
    written = _MENDED.get(rule.expression, rule.expression)

    def check(item: Item, where: str, run: Run) -> None:
        try:
            holds = _holds(written, item, run)
        except (ContentFault, RecursionError, ArithmeticError) as error:
            run.look_at_clock()
            run.unable.add(written)
            text = wording.invariant_not_run(rule, str(error), profile)
            run.once("information", "not-supported", text, where, key)
            return
        if not holds:
            run.found(severity, "invariant", wording.invariant(rule, profile), where, key)

    return check


def context_invariant_holds(written: str, carrier: Item, extension: Any, run: Run) -> bool:
    """Whether a rule of an extension about what carries it holds (contextInvariant); one that cannot be run does."""
    written = _EXTENSION.sub("%context", written)
    try:
        return _holds(written, carrier, run, extension)
    except (ContentFault, RecursionError, ArithmeticError):
        run.look_at_clock()
        run.unable.add(written)
        return True


def _holds(written: str, item: Item, run: Run, context: Any = None) -> bool:
    """Whether an invariant holds; one that could not be run before is passed over. `context` is the item, if it is not
    something else. Raises ContentFault."""
    if written in run.unable:
        return True
    compiled = _compiled(written)
    if compiled.loops > 1 and run.size() ** compiled.loops > MOST_VISITS:
        raise FhirPathError("the resource is too large for it")
    focus = _focus(item)
    environment = (run.resource, run.root, focus if context is None else context)
    if not compiled.matches:
        return compiled.expression.holds(focus, environment)
    with until(monotonic() + PATTERN_SECONDS):
        return compiled.expression.holds(focus, environment)


def _focus(item: Item) -> Any:
    if item.sibling:
        node = PrimitiveNode(None, item.value)
        node.update(item.sibling)
        return node
    return item.value


@lru_cache(maxsize=4096)
def _compiled(text: str) -> _Compiled:
    """Raises FhirPathError."""
    if len(text) > _LONGEST:
        raise FhirPathError("it is too long")
    try:
        node = tree.parse_fhirpath(text)
    except SyntaxFault as fault:
        raise FhirPathError(f"{fault.text} at line {fault.line}, column {fault.column}") from fault
    heads = any(isinstance(part, tree.Member) and part.of is None and part.name in _VARIABLES for part in _all(node))
    names = {_MARK + name: at for name, at in _VARIABLES.items()} if heads else _VARIABLES
    expression = compile_node(text, _marked(node) if heads else node, names)
    return _Compiled(expression, _loops(node), matches=any(_matches(part) for part in _all(node)))


def _marked(node: Any) -> Any:
    """The tree with `%name` under a name that no element has, so that `resource` of a Bundle entry is its element."""
    if isinstance(node, tree.Variable):
        return replace(node, name=_MARK + node.name) if node.name in _VARIABLES else node
    if not isinstance(node, tree.Node):
        return node
    parts: dict[str, Any] = {}
    for name in node.__dataclass_fields__:
        value = getattr(node, name)
        if isinstance(value, tuple):
            parts[name] = tuple(_marked(entry) for entry in value)
        elif isinstance(value, tree.Node):
            parts[name] = _marked(value)
    return replace(node, **parts) if parts else node


def _all(node: tree.Node) -> Iterator[tree.Node]:
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(tree.parts(current))


def _loops(node: tree.Node, depth: int = 0) -> int:
    if depth > _DEEPEST:
        raise FhirPathError("it is nested too deeply")
    inner = max((_loops(part, depth + 1) for part in _below(node)), default=0)
    of = _loops(node.of, depth + 1) if isinstance(node, tree.Call) and node.of is not None else 0
    return max(of, inner + (isinstance(node, tree.Call) and node.name in _ITERATING))


def _below(node: tree.Node) -> Sequence[tree.Node]:
    return node.arguments if isinstance(node, tree.Call) else tree.parts(node)


def _matches(part: tree.Node) -> bool:
    return isinstance(part, tree.Call) and part.name in _MATCHING
