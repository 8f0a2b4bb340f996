"""Searches on SQLite: postings of hashes, walked in order of the resources' keys."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.search.criteria import IdCriterion
from fhir_service.search.query import Query
from fhir_service.search.terms import hash_of
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sql_text import Values, all_of, column_conditions

_COLUMNS = "c.type, c.id, c.version, c.last_updated, c.deleted, c.text, c.resource_key"
_ENOUGH = 2000
"""From so many postings on a hash counts as frequent, and nobody counts on."""
_BATCH = 500
"""Hashes in one statement; SQLite limits the parameters of one."""


async def find(session: Session, query: Query, limit: int) -> Sequence[Row]:
    """At most `limit` rows in order of their keys."""
    values = Values()
    source, key, conditions = await _matches(session, query, values)
    if query.after is not None:
        conditions.append(f"{key} > {values(query.after.resource_key)}")
    words = ("SELECT", _COLUMNS, "FROM", source, "WHERE", all_of(conditions), "ORDER BY", key, "LIMIT", values(limit))
    return await session.fetch(" ".join(words), *values.taken)


async def count(session: Session, query: Query) -> int:
    """How many rows there are, on the word of their hashes."""
    values = Values()
    source, _, conditions = await _matches(session, query, values, with_rows=False)
    words = ("SELECT count(*) FROM", source, "WHERE", all_of(conditions))
    return int((await session.fetch(" ".join(words), *values.taken))[0][0])


async def holders(session: Session, hashes: Sequence[int]) -> Sequence[Row]:
    """All rows of any type that have one of these hashes, in order of their keys."""
    found: dict[int, Row] = {}
    for start in range(0, len(hashes), _BATCH):
        values = Values()
        wanted = values.many(hashes[start : start + _BATCH])
        words = (
            *("SELECT", _COLUMNS, "FROM resource_current c WHERE c.resource_key IN"),
            *("(SELECT resource_key FROM posting WHERE hash IN (", wanted, "))"),
        )
        found.update((row[6], row) for row in await session.fetch(" ".join(words), *values.taken))
    return [found[key] for key in sorted(found)]


async def _matches(
    session: Session, query: Query, values: Values, *, with_rows: bool = True
) -> tuple[str, str, list[str]]:
    """Where the rows come from, the column of their keys, and what they must meet.

    The walk goes along the postings of the rarest criterion, and looks each key up in the others. Rows that nobody
    asks for are not joined: a deleted resource has no postings.
    """
    groups = [[hash_of(term) for term in criterion.terms] for criterion in query.indexed]
    by_id = any(isinstance(criterion, IdCriterion) for criterion in query.criteria)
    if by_id or not groups:
        conditions = [
            f"c.type = {values(query.resource_type)}",
            "NOT c.deleted",
            *column_conditions(query, values, "c."),
        ]
        order = "+c.resource_key" if by_id else "c.resource_key"  # few rows by their ids are sorted, not walked to
        return "resource_current c", order, conditions + [_has(group, "c", values) for group in groups]
    first, *others = await _rarest_first(session, groups)
    if len(first) == 1:
        walked, conditions = "posting p", [f"p.hash = {values(first[0])}"]
    else:
        some = values.many(first)
        walked = f"(SELECT DISTINCT resource_key FROM posting WHERE hash IN ({some})) p"  # noqa: S608  # parameters
        conditions = []
    conditions += [_has(group, "p", values) for group in others]
    columns = column_conditions(query, values, "c.")
    if with_rows or columns:
        walked = f"{walked} CROSS JOIN resource_current c ON c.resource_key = p.resource_key"
    return walked, "p.resource_key", conditions + columns


def _has(hashes: Sequence[int], row: str, values: Values) -> str:
    some = values.many(hashes)
    postings = f"SELECT 1 FROM posting q WHERE q.hash IN ({some})"  # noqa: S608  # parameters
    return f"EXISTS ({postings} AND q.resource_key = {row}.resource_key)"


async def _rarest_first(session: Session, groups: list[list[int]]) -> list[list[int]]:
    if len(groups) < 2:
        return groups
    values = Values()
    counts = []
    for group in groups:
        some = f"SELECT 1 FROM posting WHERE hash IN ({values.many(group)}) LIMIT {_ENOUGH}"  # noqa: S608  # parameters
        counts.append(" ".join(("(SELECT count(*) FROM (", some, "))")))
    row = (await session.fetch(" ".join(("SELECT", ", ".join(counts))), *values.taken))[0]
    return [group for _, group in sorted(zip(row, groups, strict=True), key=lambda pair: int(pair[0]))]
