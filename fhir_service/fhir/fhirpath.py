"""FHIRPath expressions, compiled once: closures for the common forms, fhirpathpy for the rest.

Names: `%name` is a variable of the caller; a name at the head of a path that is such a variable is that variable, as
in the HL7 reference engine; `$this.name` is always the element. Errors are FhirPathError, never an empty result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_budget import TooCostly
from fhir_service.fhir.fhirpath_closures import Closure, Unsupported, build
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.fhirpath_operators import truth
from fhir_service.fhir.fhirpath_predicates import Predicate, predicate
from fhir_service.fhir.nodes import ContentFault

_LONG = 200
NO_VARIABLES: Mapping[str, int] = MappingProxyType({})


class FhirPathError(ContentFault):
    """An expression that cannot be read, or cannot be evaluated on this content."""


def _shown(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


class Expression:
    """A compiled expression. `variables` are names with their index in the environment of a call."""

    __slots__ = ("_closure", "_holds", "_variables", "is_foreign", "node", "text")

    def __init__(self, text: str, node: tree.Node, variables: Mapping[str, int]) -> None:
        self.text = text
        self.node = node
        self._variables = variables
        self._holds: Predicate | None = None
        self.is_foreign = False
        """Whether fhirpathpy runs it, which knows the types of whole resources only."""
        try:
            self._closure = build(node, variables)
        except Unsupported:
            self.is_foreign = True
            self._closure = self._foreign(variables)
        except RecursionError as error:
            raise FhirPathError(f"{_shown(text)}: nested too deeply") from error

    def _foreign(self, variables: Mapping[str, int]) -> Closure:
        from fhir_service.fhir.fhirpath_fallback import (  # noqa: PLC0415  # a tenth of a second, and few expressions need it
            ForeignFault,
            left_to_fhirpathpy,
        )

        try:
            return left_to_fhirpathpy(self.text, self.node, variables)
        except ForeignFault as fault:
            raise FhirPathError(f"{_shown(self.text)}: {fault}") from fault

    def _fault(self, fault: Exception) -> ContentFault:
        if isinstance(fault, TooCostly):
            return TooCostly(f"{_shown(self.text)}: {fault}")
        problem = "nested too deeply" if isinstance(fault, RecursionError) else fault
        return FhirPathError(f"{_shown(self.text)}: {problem}")

    def __call__(self, this: Any, environment: Sequence[Any] = ()) -> list[Any]:
        """All items the expression gives with `this` as focus (None: no focus). Raises FhirPathError."""
        try:
            return self._closure([] if this is None else [this], environment)
        except (ContentFault, RecursionError) as fault:
            raise self._fault(fault) from fault

    def holds(self, this: Any, environment: Sequence[Any] = ()) -> bool:
        """Whether it is true; an empty result is not. Raises FhirPathError."""
        try:
            holds = self._holds or self._predicate()
            return holds(this, environment) is True
        except (ContentFault, RecursionError) as fault:
            raise self._fault(fault) from fault

    def _predicate(self) -> Predicate:
        """Made when it is first asked for: most expressions are only asked for their items."""
        closure = self._closure
        try:
            self._holds = predicate(self.node, self._variables, build)
        except Unsupported:
            self._holds = lambda this, environment: truth(closure([this], environment))
        return self._holds

    def single(self, this: Any, environment: Sequence[Any] = ()) -> Any:
        """The one item it gives, None for none. Raises FhirPathError for several."""
        found = self(this, environment)
        if len(found) > 1:
            raise FhirPathError(f"{_shown(self.text)} gives {len(found)} items where one is wanted")
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
        except (ContentFault, RecursionError):
            return None

    return check


def evaluate(text: str, this: Any) -> list[Any]:
    """What a text without variables gives on a resource. Raises FhirPathError."""
    return compile_expression(text)(this)
