"""The search restrictions of grants: as criteria that are added to a search, or held against one resource.

Pure. What a search restriction may be is narrow (`restriction_of`), so that both ways give the same answer without
looking at other resources.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from fhir_service.fhir.access import Access, Letter
from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.json_text import parse
from fhir_service.search.criteria import (
    AllOf,
    AnyCriterion,
    AnyOf,
    HasInterval,
    HasTerm,
    HasText,
    IdCriterion,
    LastUpdatedCriterion,
    Not,
    PointedAtBy,
    PointsAt,
)
from fhir_service.search.in_memory import meets
from fhir_service.search.index_values import index_values
from fhir_service.search.query import TypeSearch, parse_query
from fhir_service.search.query_text import read_pairs

_NOTHING = AnyOf(())


class UnusableRestriction(ValueError):
    """A search restriction that cannot be kept."""


@lru_cache(maxsize=4096)
def restriction_of(resource_type: str, query: str, base: str | None = None) -> AnyCriterion:
    """What a resource has to meet that `query` finds, on a server at `base`. Raises UnusableRestriction for what the
    type has not, for modifiers, chains and whatever one resource alone cannot answer."""
    try:
        pairs = read_pairs(query)
        found = parse_query(resource_type, pairs, base=base)
    except FhirError as fault:
        raise UnusableRestriction(str(fault)) from None
    whole = AllOf(found.criteria)
    if found.ignored or len(found.criteria) != len(pairs) or not pairs:
        raise UnusableRestriction(f"'{query[:200]}' has what is no search parameter of {resource_type}")
    if any(":" in name or "." in name for name, _ in pairs) or not _is_plain(whole):
        raise UnusableRestriction(f"'{query[:200]}' has more than plain parameters: no modifier, no chain, no text")
    if any(
        value.startswith("ap") and isinstance(one, HasInterval | LastUpdatedCriterion)
        for one, (_, value) in zip(found.criteria, pairs, strict=True)
    ):
        raise UnusableRestriction(f"'{query[:200]}' means another thing every day")
    return whole


def confined(search: TypeSearch, access: Access) -> TypeSearch:
    """A search that finds only what the caller may find, and depends on nothing else, chains included."""
    if access.grants is None:
        return search
    criteria = tuple(_confined(one, access) for one in search.criteria)
    return replace(search, criteria=(*_required("s", search.resource_type, access), *criteria))


def is_restricted(access: Access, letter: Letter, resource_type: str) -> bool:
    return bool(access.grants is not None and access.restriction(letter, resource_type))


def admits(access: Access, letter: Letter, key: tuple[str, str], text: bytes, last_updated: int | None = None) -> bool:
    """Whether the caller may do this with a resource of that content; `last_updated` in milliseconds since 1970 UTC,
    None where it is not stored yet."""
    resource_type, resource_id = key
    if not access.may(letter, resource_type):
        return False
    criteria = _required(letter, resource_type, access)
    if not criteria:
        return True
    if not text:
        return False
    values = index_values(parse(text), access.base)
    return all(meets(values, resource_id, last_updated, one) for one in criteria)


def reached_types(criteria: Iterable[AnyCriterion]) -> frozenset[str]:
    """The types at the other ends of chains and `_has`."""
    found: set[str] = set()
    for criterion in criteria:
        match criterion:
            case PointsAt(_, kind, inner) | PointedAtBy(_, kind, inner):
                found |= {kind, *reached_types(inner)}
            case AllOf(inner) | AnyOf(inner):
                found |= reached_types(inner)
            case Not(one):
                found |= reached_types((one,))
    return frozenset(found)


def _required(letter: Letter, resource_type: str, access: Access) -> tuple[AnyCriterion, ...]:
    """None where nothing is; what nothing meets where the caller may do this with no resource of the type."""
    if not access.may(letter, resource_type):
        return (_NOTHING,)
    queries = access.restriction(letter, resource_type)
    return (AnyOf(tuple(restriction_of(resource_type, query, access.base) for query in queries)),) if queries else ()


def _confined(criterion: AnyCriterion, access: Access) -> AnyCriterion:
    match criterion:
        case PointsAt(_, kind, inner) | PointedAtBy(_, kind, inner):
            if not access.may("s", kind):
                return _NOTHING
            within = tuple(_confined(one, access) for one in inner)
            return replace(criterion, criteria=(*_required("s", kind, access), *within))
        case AllOf(inner) | AnyOf(inner):
            return replace(criterion, criteria=tuple(_confined(one, access) for one in inner))
        case Not(one):
            return Not(_confined(one, access))
    return criterion


def _is_plain(criterion: AnyCriterion) -> bool:
    match criterion:
        case AllOf(inner) | AnyOf(inner):
            return all(_is_plain(one) for one in inner)
        case HasTerm() | HasInterval() | HasText() | IdCriterion() | LastUpdatedCriterion():
            return True
    return False
