"""The search parameters of a resource type that can be indexed, compiled from their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from fhir_service.definitions.search_parameters import parameters_of
from fhir_service.search.expressions import Expression, Path, UnsupportedExpression, compile_expression

INDEXED_TYPES = frozenset({"token", "reference", "date"})
_FEW_TARGETS = 8
_COLUMNS = frozenset({"_id", "_lastUpdated"})
"""Parameters that are columns of every resource and need no index values."""
_SORT_DATES = ("date", "onset-date", "recorded-date", "recorded", "identified", "birthdate")
"""The parameter that gives a resource its place in time: the first of these that its type has."""


@dataclass(frozen=True, slots=True)
class IndexedParameter:
    """One parameter of one resource type; `type` is the search type, `targets` the types a reference may point at."""

    code: str
    type: str
    targets: tuple[str, ...]
    expression: Expression
    indexed_as: str
    """The parameter whose index values answer it: `patient` is a narrower way to ask for `subject`."""

    @property
    def any_target(self) -> bool:
        """Whether a bare id may be of so many types that it is indexed as it is."""
        return not 0 < len(self.targets) <= _FEW_TARGETS


@cache
def indexed_parameters(resource_type: str) -> Mapping[str, IndexedParameter]:
    """By code. A parameter whose expression lies outside the compiled subset is missing, and so is not offered."""
    found: dict[str, IndexedParameter] = {}
    for code, definition in parameters_of(resource_type).items():
        if definition.type not in INDEXED_TYPES or code in _COLUMNS or not definition.expression:
            continue
        try:
            expression = compile_expression(resource_type, definition.expression)
        except UnsupportedExpression:
            continue
        narrowed = tuple(dict.fromkeys(path.target for path in expression.paths))
        targets = narrowed if all(narrowed) else definition.target
        found[code] = IndexedParameter(code, definition.type, targets, expression, code)
    return MappingProxyType({code: replace(entry, indexed_as=_wider(entry, found)) for code, entry in found.items()})


def _wider(narrow: IndexedParameter, known: Mapping[str, IndexedParameter]) -> str:
    """A reference parameter on the same element that asks for any type of target."""
    bare = tuple(path.without_target for path in narrow.expression.paths)
    for wide in known.values():
        if wide.type == narrow.type == "reference" and wide.code != narrow.code and wide.expression.paths == bare:
            return wide.code
    return narrow.code


@cache
def paths_by_member(resource_type: str) -> Mapping[str, tuple[tuple[IndexedParameter, Path], ...]]:
    """The paths of all parameters by the member of the resource they begin with, so that absent ones cost nothing."""
    found: dict[str, list[tuple[IndexedParameter, Path]]] = {}
    for parameter in indexed_parameters(resource_type).values():
        if not parameter.expression.presence and parameter.indexed_as == parameter.code:
            for path in parameter.expression.paths:
                found.setdefault(path.first_member, []).append((parameter, path))
    return MappingProxyType({member: tuple(paths) for member, paths in found.items()})


@cache
def presence_parameters(resource_type: str) -> tuple[IndexedParameter, ...]:
    """The parameters that ask whether something is there, and have a value for every resource."""
    return tuple(entry for entry in indexed_parameters(resource_type).values() if entry.expression.presence)


@cache
def sort_date_parameter(resource_type: str) -> str | None:
    """The date parameter by which resources of the type are ordered in time; None where it has none."""
    known = indexed_parameters(resource_type)
    return next((code for code in _SORT_DATES if code in known and known[code].type == "date"), None)


@cache
def patient_parameter(resource_type: str) -> str | None:
    """The index values that tell whose a resource is: one reference at most. None where there are none."""
    known = indexed_parameters(resource_type)
    for code in ("patient", "subject"):
        parameter = known.get(code)
        if parameter is not None and parameter.type == "reference" and not parameter.expression.repeats:
            return parameter.indexed_as
    return None
