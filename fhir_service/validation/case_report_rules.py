"""The clinical rules of the logical model, run on a case report: `constraint` of its ElementDefinitions.

A rule is FHIRPath on the affirmed part of a fact (case_report_facts) that gives true or false, whatever is not known:
`$this.where(what is wrong).empty()`. `%resource` is the report, `%facts` the case around, `%context` the fact with the
rule; other names are variables that the model defines.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from fhir_service.definitions.catalogue import DEFAULT_BASE, BrokenArtifact, Kind, catalogue
from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.fhirpath import Expression, FhirPathError, compile_node
from fhir_service.fhir.fhirpath_budget import TooCostly, until
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.nodes import ContentFault
from fhir_service.validation.case_report_facts import Fact
from fhir_service.validation.case_report_model import ROOT, ModelElement, Rule, Variable, case_report_model
from fhir_service.validation.case_report_structure import below

SECONDS = 5.0
"""So long all rules of a report may take together."""
_GIVEN = ("resource", "facts", "context")
_RESOURCE, _FACTS, _CONTEXT = range(3)
_CASE = "case"
_MOST_SHOWN = 80

Environment = list[Any]


class _Compiled(NamedTuple):
    rule: Rule
    holds: Expression
    found: tuple[tuple[str, Expression], ...]
    first: tuple[tuple[str, ...], str] | None
    """Path and text of the first of what has to come together for it to be broken."""


class _Variable(NamedTuple):
    """A variable: its place in the environment, and what it is."""

    at: int
    expression: Expression | None
    value: Any


class Program:
    """The rules of a model and its variables, compiled."""

    def __init__(self, model: ModelElement, base: str) -> None:
        elements = list(_elements(model))
        stated = [variable for element in elements for variable in element.variables]
        names = [*_GIVEN, *(variable.name for variable in stated)]
        self._names = {name: at for at, name in enumerate(names)}
        if clash := self._names.keys() & {name for element in elements for name in element.children}:
            raise BrokenArtifact(f"a variable of the rules has the name of an element: {', '.join(sorted(clash))}")
        code_systems = catalogue(base).artifacts(Kind.CODE_SYSTEM)
        self._rules = {
            element.path: tuple(self._rule(rule) for rule in element.rules) for element in elements if element.rules
        }
        self._variables = {
            element.path: tuple(self._variable(variable, code_systems) for variable in element.variables)
            for element in elements
            if element.variables
        }

    def issues(self, report: Fact) -> Iterator[Issue]:
        """Every rule that is broken, in the order of the report."""
        deadline = time.monotonic() + SECONDS
        try:
            with until(deadline):
                yield from self._below(report, [report.value] + [None] * (len(self._names) - 1), deadline)
        except TooCostly:
            text = "the report is so large that not all clinical rules were checked; send fewer patients at once"
            yield Issue("information", "too-costly", text, (ROOT,), "case-report.rules-not-checked")

    def _below(self, fact: Fact, env: Environment, deadline: float) -> Iterator[Issue]:
        path = fact.element.path
        if path == _CASE:
            env[_FACTS] = fact.value
        env[_CONTEXT] = fact.value
        self._set_variables(fact, env)
        for compiled in self._rules.get(path, ()):
            if time.monotonic() > deadline:
                raise TooCostly
            if compiled.first is not None and _differs(fact.value, *compiled.first):
                continue
            if _is_broken(compiled.holds, fact.value, env):
                yield _issue(compiled, fact, env)
        for inner in fact.inner:
            yield from self._below(inner, env, deadline)
        if path == _CASE:
            env[_FACTS] = None

    def _set_variables(self, fact: Fact, env: Environment) -> None:
        for at, expression, value in self._variables.get(fact.element.path, ()):
            env[at] = tuple(expression(fact.value, env)) if expression is not None else value

    def _variable(self, variable: Variable, code_systems: Any) -> _Variable:
        at = self._names[variable.name]
        if variable.code_system:
            return _Variable(at, None, code_systems[variable.code_system])
        return _Variable(at, self._expression(variable.expression, variable.name), None)

    def _rule(self, rule: Rule) -> _Compiled:
        found = tuple((text, self._expression(text, rule.key)) for text in rule.found)
        holds = self._expression(rule.expression, rule.key)
        return _Compiled(rule, holds, found, _first(tree.parse_fhirpath(rule.expression), self._names))

    def _expression(self, text: str, key: str) -> Expression:
        try:
            return compile_node(text, tree.parse_fhirpath(text), self._names)
        except (SyntaxFault, FhirPathError) as error:
            raise BrokenArtifact(f"the rule {key} of the logical model cannot be read: {error}") from error


def _elements(model: ModelElement) -> Iterator[ModelElement]:
    yield model
    for child in model.children.values():
        yield from _elements(child)


def _first(node: tree.Node, variables: Mapping[str, int]) -> tuple[tuple[str, ...], str] | None:
    """Of `$this.where(a.b = 'c' and …).empty()` the path `a.b` and `c`: most rules are about one kind of fact, and of
    all others need not be asked."""
    match node:
        case tree.Call(of=tree.Call(of=tree.This(), name="where", arguments=(wanted,)), name="empty", arguments=()):
            while isinstance(wanted, tree.Binary) and wanted.operator == "and":
                wanted = wanted.left
            if isinstance(wanted, tree.Binary) and wanted.operator == "=" and isinstance(wanted.right, tree.Literal):
                path, text = _path(wanted.left), wanted.right.value
                if path and path[0] not in variables and isinstance(text, str):
                    return path, text
    return None


def _path(node: tree.Node | None) -> tuple[str, ...]:
    """The names of a path of members from the head; empty where it is something else."""
    names: list[str] = []
    while isinstance(node, tree.Member):
        names.append(node.name)
        node = node.of
    return tuple(reversed(names)) if node is None else ()


def _differs(value: Any, path: tuple[str, ...], text: str) -> bool:
    """Whether it is certain that a path does not give that text."""
    for name in path:
        if not isinstance(value, dict):
            return False
        if name not in value:
            return True
        value = value[name]
    return isinstance(value, str) and value != text


def _is_broken(holds: Expression, value: Any, env: Environment) -> bool:
    """What cannot be compared is not known, and breaks nothing."""
    try:
        return not holds.holds(value, env)
    except TooCostly:
        raise
    except ContentFault:
        return False


def _issue(compiled: _Compiled, fact: Fact, env: Environment) -> Issue:
    rule = compiled.rule
    found = "; ".join(f"{text} is {shown}" for text, one in compiled.found if (shown := _shown(one, fact.value, env)))
    text = f"{rule.human.removesuffix('.')}{f' (found: {found})' if found else ''}; {rule.fix}"
    path = fact.path
    for step in rule.at.split(".") if rule.at else ():
        path = below(path, step)
    return Issue(rule.severity, "business-rule", text, (path or ROOT,), rule.key)


def _shown(expression: Expression, value: Any, env: Environment) -> str:
    try:
        items: Sequence[Any] = expression(value, env)
    except ContentFault:
        return ""
    return ", ".join(str(format(item, "f") if isinstance(item, Decimal) else item)[:_MOST_SHOWN] for item in items[:10])


@cache
def program(base: str = DEFAULT_BASE) -> Program:
    """The rules of the logical model, compiled once. Raises BrokenArtifact."""
    return Program(case_report_model(base), base)
