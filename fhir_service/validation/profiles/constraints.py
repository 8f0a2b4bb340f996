"""The invariants of a profile: FHIRPath on each item of an element (R4 elementdefinition.html, constraint).

What cannot be run says so and is no verdict; what could run very long is not begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from fhir_service.definitions.invariants import expressions_by_key
from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath import Expression, FhirPathError, compile_node
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.nodes import PrimitiveNode
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.element_definitions import InvariantRule
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.patterns import is_linear
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
_SEVERITIES = {"error": "error", "warning": "warning"}
_MENDED = {"($this as dateTime).toString().length() >= 8": "hasValue().not() or toString().length() >= 8"}
"""By HL7's expression ours. vs-1: its sentence is about a dateTime with a value only, its expression is never true of a
Period; and what is no object is a dateTime there."""


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
            expression, loops = _compiled(written)
            if loops > 1 and run.size() ** loops > MOST_VISITS:
                raise FhirPathError("the resource is too large for it")
            holds = expression.holds(_focus(item), (run.resource, run.root, _focus(item)))
        except (FhirPathError, RecursionError, ArithmeticError) as error:
            text = wording.invariant_not_run(rule, str(error), profile)
            run.once("information", "not-supported", text, where, key)
            return
        if not holds:
            run.found(severity, "invariant", wording.invariant(rule, profile), where, key)

    return check


def _focus(item: Item) -> Any:
    if item.sibling:
        node = PrimitiveNode(None, item.value)
        node.update(item.sibling)
        return node
    return item.value


@lru_cache(maxsize=4096)
def _compiled(text: str) -> tuple[Expression, int]:
    """The expression and how deep its iterations are nested. Raises FhirPathError."""
    if len(text) > _LONGEST:
        raise FhirPathError("it is too long")
    try:
        node = tree.parse_fhirpath(text)
    except SyntaxFault as fault:
        raise FhirPathError(f"{fault.text} at line {fault.line}, column {fault.column}") from fault
    _refuse_patterns(node)
    heads = any(isinstance(part, tree.Member) and part.of is None and part.name in _VARIABLES for part in _all(node))
    names = {_MARK + name: at for name, at in _VARIABLES.items()} if heads else _VARIABLES
    return compile_node(text, _marked(node) if heads else node, names), _loops(node)


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


def _refuse_patterns(node: tree.Node) -> None:
    """A regular expression that may backtrack without end is not run, nor one that is made while it runs."""
    for part in _all(node):
        if isinstance(part, tree.Call) and part.name in _MATCHING and part.arguments:
            pattern = part.arguments[0]
            if not isinstance(pattern, tree.Literal) or not isinstance(pattern.value, str):
                raise FhirPathError("its regular expression is not written out in it")
            if not is_linear(pattern.value):
                raise FhirPathError("its regular expression may take endless time, or is none")


def _loops(node: tree.Node, depth: int = 0) -> int:
    if depth > _DEEPEST:
        raise FhirPathError("it is nested too deeply")
    inner = max((_loops(part, depth + 1) for part in _below(node)), default=0)
    of = _loops(node.of, depth + 1) if isinstance(node, tree.Call) and node.of is not None else 0
    return max(of, inner + (isinstance(node, tree.Call) and node.name in _ITERATING))


def _below(node: tree.Node) -> Sequence[tree.Node]:
    return node.arguments if isinstance(node, tree.Call) else tree.parts(node)
