"""The search that a conditional interaction depends on (R4 http.html#ccreate, #cond-update).

What was not understood would make it match more than was meant, so here, unlike in a search, it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.search.query import Query, parse_query
from fhir_service.search.query_text import read_pairs
from fhir_service.search.value_sets import Terminology

Condition = Callable[[str, str], Query]
"""Type and text of a condition to the search it means; raises as `parse_condition`."""


def type_of(condition: Query) -> str:
    """The one type that a condition searches."""
    return condition.searches[0].resource_type


def parse_condition(resource_type: str, text: str, *, base: str, terminology: Terminology | None = None) -> Query:
    """The search in `text`, percent-encoded like a query: `identifier=x`, also behind `?` or `Type?`.

    Raises InvalidParameter, also where nothing in it narrows the search, and UnsupportedParameter.
    """
    pairs = read_pairs(text.removeprefix(f"{base}/").removeprefix(resource_type).removeprefix("?"))
    query = parse_query(resource_type, pairs, base=base, terminology=terminology)
    if query.ignored:
        issues = [replace(issue, severity="error", code="not-supported") for issue in query.ignored]
        raise UnsupportedParameter("a condition holds what would not be applied; nothing was changed", issues=issues)
    if type_of(query) != resource_type or not query.criteria:
        raise InvalidParameter("a condition without search parameters would match everything; nothing was changed")
    return replace(query, after=None, count_only=False, includes=())
