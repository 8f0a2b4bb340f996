"""FHIRPath expressions, compiled once: closures for the common forms, fhirpathpy for the rest.

Names: `%name` is a variable of the caller; a name at the head of a path that is such a variable is that variable, as
in the HL7 reference engine; `$this.name` is always the element. Errors are FhirPathError, never an empty result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import fhirpathpy
from fhirpathpy.engine.nodes import FP_Type
from fhirpathpy.models import models

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_closures import Closure, Unsupported, build
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.fhirpath_operators import truth
from fhir_service.fhir.fhirpath_predicates import predicate
from fhir_service.fhir.nodes import ContentFault, to_json

NO_VARIABLES: Mapping[str, int] = MappingProxyType({})


class FhirPathError(ContentFault):
    """An expression that cannot be read, or cannot be evaluated on this content."""


class Expression:
    """A compiled expression. `variables` are names with their index in the environment of a call."""

    __slots__ = ("_closure", "node", "text")

    def __init__(self, text: str, node: tree.Node, variables: Mapping[str, int]) -> None:
        self.text = text
        self.node = node
        try:
            self._closure = build(node, variables)
        except Unsupported:
            self._closure = _left_to_fhirpathpy(text, node, variables)

    def __call__(self, this: Any, environment: Sequence[Any] = ()) -> list[Any]:
        """All items the expression gives with `this` as focus (None: no focus). Raises FhirPathError."""
        try:
            return self._closure([] if this is None else [this], environment)
        except ContentFault as fault:
            raise FhirPathError(f"{self.text}: {fault}") from fault

    def holds(self, this: Any, environment: Sequence[Any] = ()) -> bool:
        """Whether it is true; an empty result is not. Raises FhirPathError."""
        try:
            return truth(self._closure([this], environment)) is True
        except ContentFault as fault:
            raise FhirPathError(f"{self.text}: {fault}") from fault

    def single(self, this: Any, environment: Sequence[Any] = ()) -> Any:
        """The one item it gives, None for none. Raises FhirPathError for several."""
        found = self(this, environment)
        if len(found) > 1:
            raise FhirPathError(f"{self.text} gives {len(found)} items where one is wanted")
        return found[0] if found else None


def compile_node(text: str, node: tree.Node, variables: Mapping[str, int] = NO_VARIABLES) -> Expression:
    """The expression of a parsed tree; `text` is what it was read from, offsets in `node` count from its start.

    Raises FhirPathError.
    """
    return Expression(text, node, variables)


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Expression:
    """The expression of a text without variables. Cached. Raises FhirPathError."""
    try:
        return Expression(text, tree.parse_fhirpath(text), NO_VARIABLES)
    except SyntaxFault as fault:
        raise FhirPathError(f"{text}: {fault.text} at line {fault.line}, column {fault.column}") from fault


def compile_predicate(node: tree.Node) -> Callable[[Any], bool | None]:
    """Whether a parsed expression without variables holds for an item; None where that is not known, or where the
    item is not what the expression is about. Only the forms that have closures, so that its time is bounded: raises
    FhirPathError for another."""
    try:
        holds = predicate(node, NO_VARIABLES, build)
    except Unsupported:
        raise FhirPathError("this form has no closure") from None

    def check(item: Any) -> bool | None:
        try:
            return holds(item, ())
        except ContentFault:
            return None

    return check


def evaluate(text: str, this: Any) -> list[Any]:
    """What a text without variables gives on a resource. Raises FhirPathError."""
    return compile_expression(text)(this)


def _left_to_fhirpathpy(text: str, node: tree.Node, variables: Mapping[str, int]) -> Closure:
    marked = _mark_variables(text, node, variables)
    if _any_this(node):
        marked = f"select({marked})"  # fhirpathpy knows $this only inside a function
    try:
        compiled: Any = fhirpathpy.compile(marked, models["r4"])
    except Exception as error:  # fhirpathpy raises bare Exception; every error of the foreign library is ours here
        raise FhirPathError(f"{text}: {error}") from error

    def run(focus: list[Any], environment: Sequence[Any]) -> list[Any]:
        names = {name: to_json(environment[at]) for name, at in variables.items() if environment[at] is not None}
        try:
            found = compiled([to_json(item) for item in focus], names)
        except Exception as error:  # as above
            raise FhirPathError(f"{text}: {error}") from error
        return [str(item) if isinstance(item, FP_Type) else item for item in found]

    return run


def _mark_variables(text: str, node: tree.Node, variables: Mapping[str, int]) -> str:
    """Head names that are variables get the `%` which fhirpathpy wants."""
    starts = {head.start for head in _heads(node) if head.name in variables}
    for start in sorted(starts, reverse=True):
        text = f"{text[:start]}%{text[start:]}"
    return text


def _any_this(node: tree.Node) -> bool:
    return isinstance(node, tree.This) or any(_any_this(part) for part in tree.parts(node))


def _heads(node: tree.Node) -> list[tree.Member]:
    if isinstance(node, tree.Member) and node.of is None:
        return [node]
    if isinstance(node, tree.Call) and node.name in ("ofType", "is", "as"):
        return _heads(node.of) if node.of is not None else []
    if isinstance(node, tree.Binary) and node.operator in ("is", "as"):
        return _heads(node.left)
    return [head for part in tree.parts(node) for head in _heads(part)]
