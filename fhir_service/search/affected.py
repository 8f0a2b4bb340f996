"""Whether a search may find other things once something was written."""

from __future__ import annotations

from collections.abc import Collection

from fhir_service.search.criteria import AllOf, AnyCriterion, AnyOf, Not, PointedAtBy, PointsAt
from fhir_service.search.query import Query


def is_affected(query: Query, written_types: Collection[str]) -> bool:
    """Whether it may find other things after resources of those types were written."""
    return any(
        search.resource_type in written_types or any(map(_looks_elsewhere, search.criteria))
        for search in query.searches
    )


def _looks_elsewhere(criterion: AnyCriterion) -> bool:
    match criterion:
        case PointsAt() | PointedAtBy():
            return True
        case AllOf(criteria) | AnyOf(criteria):
            return any(map(_looks_elsewhere, criteria))
        case Not(inner):
            return _looks_elsewhere(inner)
    return False
