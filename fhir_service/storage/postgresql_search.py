"""Searches on PostgreSQL: one array of hashes on the row, with a GIN index, and partitions by patient."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.search.query import Query
from fhir_service.search.terms import hash_of
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sql_text import Values, all_of, column_conditions

_ROW = "SELECT type, id, version, last_updated, deleted, text, resource_key FROM resource_current WHERE"


async def find(session: Session, query: Query, limit: int) -> Sequence[Row]:
    """At most `limit` rows in order of their keys."""
    values = Values()
    conditions = _conditions(query, values)
    if query.after is not None:
        conditions.append(f"resource_key > {values(query.after.resource_key)}")
    statement = f"{_ROW} {all_of(conditions)} ORDER BY resource_key LIMIT {values(limit)}"
    return await session.fetch(statement, *values.taken)


async def count(session: Session, query: Query) -> int:
    """How many rows there are, on the word of their hashes."""
    values = Values()
    conditions = all_of(_conditions(query, values))
    rows = await session.fetch(" ".join(("SELECT count(*) FROM resource_current WHERE", conditions)), *values.taken)
    return int(rows[0][0])


async def holders(session: Session, hashes: Sequence[int]) -> Sequence[Row]:
    """All rows of any type that have one of these hashes, in order of their keys."""
    return await session.fetch(f"{_ROW} NOT deleted AND hashes && $1::bigint[] ORDER BY resource_key", list(hashes))


def _conditions(query: Query, values: Values) -> list[str]:
    kind = query.resource_type
    conditions = [f"type = {values(kind)}", "NOT deleted"]
    single: list[int] = []
    for criterion in query.indexed:
        hashes = [hash_of(term) for term in criterion.terms]
        if len(hashes) == 1:
            single += hashes
        else:
            conditions.append(f"hashes && {values(hashes)}::bigint[]")
        # A resource lies in the partition of the one patient it belongs to, so the others need no look.
        if criterion.patient is not None:
            conditions.append(f"partition_key = {values(criterion.patient)}")
    if single:
        conditions.append(f"hashes @> {values(single)}::bigint[]")
    return conditions + column_conditions(query, values)
