"""Chains on PostgreSQL, looked up from their far end: few resources there become plain conditions on the near end.

Its planner cannot tell how many resources have a hash that is none of the most common, and goes the long way. Where
the far end is wide, the whole is left to a semi-join after all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from fhir_service.fhir.access import Access
from fhir_service.search.criteria import (
    AllOf,
    AnyCriterion,
    AnyOf,
    HasTerm,
    IdCriterion,
    Not,
    PointedAtBy,
    PointsAt,
)
from fhir_service.search.terms import hash_of, reference_term_of_link
from fhir_service.storage.sessions import Row, Session

FEW = 500
"""Resources at the far end that are named one by one."""
_NOTHING = AnyOf(())
_TARGETS = (
    "SELECT DISTINCT l.target_id FROM unnest($1::bigint[], $2::text[]) AS k(resource_key, partition_key) "
    "JOIN link l ON l.resource_key = k.resource_key AND l.partition_key = k.partition_key WHERE l.scope = $3 LIMIT $4"
)
FarEnd = Callable[[str, tuple[AnyCriterion, ...], int], Awaitable[Sequence[Row]]]
"""The id, key and partition of resources of a type that meet criteria, at most so many."""


class Chains:
    """Takes chains out of criteria where it can."""

    def __init__(self, session: Session, access: Access, far_end: FarEnd) -> None:
        self._session = session
        self._access = access
        self._far_end = far_end

    async def without(self, criteria: Iterable[AnyCriterion]) -> tuple[AnyCriterion, ...]:
        """Criteria that mean the same."""
        return tuple([await self._one(criterion) for criterion in criteria])

    async def _one(self, criterion: AnyCriterion) -> AnyCriterion:
        match criterion:
            case PointsAt():
                return await self._points_at(criterion)
            case PointedAtBy():
                return await self._pointed_at_by(criterion)
            case AllOf(criteria) | AnyOf(criteria):
                return replace(criterion, criteria=await self.without(criteria))
            case Not(inner):
                return Not(await self._one(inner))
        return criterion

    async def _points_at(self, criterion: PointsAt) -> AnyCriterion:
        if not self._access.may("s", criterion.target_type):
            return _NOTHING
        inner = await self.without(criterion.criteria)
        found = await self._far_end(criterion.target_type, inner, FEW + 1) if inner else []
        if not inner or len(found) > FEW:
            return replace(criterion, criteria=inner)
        names = (f"{criterion.target_type}/{row[0]}" for row in found)
        return HasTerm(tuple(reference_term_of_link(criterion.scope, name) for name in names))

    async def _pointed_at_by(self, criterion: PointedAtBy) -> AnyCriterion:
        if not self._access.may("s", criterion.source_type):
            return _NOTHING
        inner = await self.without(criterion.criteria)
        found = await self._far_end(criterion.source_type, inner, FEW + 1) if inner else []
        if not inner or len(found) > FEW:
            return replace(criterion, criteria=inner)
        keys, partitions = [row[1] for row in found], [row[2] for row in found]
        rows = await self._session.fetch(_TARGETS, keys, partitions, hash_of(criterion.scope), FEW + 1)
        if len(rows) > FEW:
            return replace(criterion, criteria=inner)
        return IdCriterion(tuple(sorted(row[0] for row in rows)))
