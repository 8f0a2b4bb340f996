"""The search parameters of a resource type that can be indexed, compiled from their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from fhir_service.definitions.search_parameters import parameters_of
from fhir_service.search.expressions import Expression, UnsupportedExpression, compile_expression

INDEXED_TYPES = frozenset({"token", "reference", "date"})
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
        found[code] = IndexedParameter(code, definition.type, definition.target, expression)
    return MappingProxyType(found)


@cache
def sort_date_parameter(resource_type: str) -> str | None:
    """The date parameter by which resources of the type are ordered in time; None where it has none."""
    known = indexed_parameters(resource_type)
    return next((code for code in _SORT_DATES if code in known and known[code].type == "date"), None)


@cache
def patient_parameter(resource_type: str) -> str | None:
    """The parameter that tells whose a resource is: one reference at most, to a Patient. None where there is none."""
    known = indexed_parameters(resource_type)
    for code in ("patient", "subject"):
        parameter = known.get(code)
        if parameter is not None and parameter.type == "reference" and not parameter.expression.repeats:
            return code
    return None
