"""What a search by the date that a type is ordered by says about the ends of that order, so that a walk along it can
begin and end in time."""

from __future__ import annotations

from collections.abc import Collection

from fhir_service.search.criteria import HasInterval
from fhir_service.search.parameters import sort_date_parameter
from fhir_service.search.query import TypeSearch
from fhir_service.search.terms import interval_scope
from fhir_service.storage.criteria_sql import flattened
from fhir_service.storage.sql_text import Values

_BOUND = {"low": ("sort_low", ("<", "<=")), "high": ("sort_high", (">", ">="))}
"""A date that begins before a moment makes the least beginning lie before it; in the same way for ends."""


def date_bounds(search: TypeSearch, row: str, values: Values, ends: Collection[str] = ("low", "high")) -> list[str]:
    """Conditions that every match meets anyway."""
    scope = interval_scope(search.resource_type, sort_date_parameter(search.resource_type) or "")
    bounds = []
    for criterion in flattened(search.criteria):
        if isinstance(criterion, HasInterval) and criterion.scope == scope and len(criterion.alternatives) == 1:
            for end, operator, value in criterion.alternatives[0]:
                column, operators = _BOUND[end]
                if operator in operators and end in ends:
                    bounds.append(f"{row}.{column} {operator} {values(int(value))}")
    return bounds
