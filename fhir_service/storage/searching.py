"""A query as a whole: the matches of all its types in one order, their includes, their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from fhir_service.fhir.access import Access
from fhir_service.search.query import Query, TypeSearch
from fhir_service.search.restrictions import confined
from fhir_service.storage import statements
from fhir_service.storage.changes import Page, Stored
from fhir_service.storage.criteria_sql import refuse_excess
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.includes import included
from fhir_service.storage.rows import stored
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sorting import Order, merged, place_of

_FEW_TYPES = 3
_FIRST = 100
"""Matches that are read before anything is known of their size."""
_TEXT = 5
"""The column of a row."""
Found = tuple[Row, Order]


async def page_of(session: Session, dialect: Dialect, query: Query, access: Access) -> Page:
    """The next page of matches, and what they bring along."""
    found, more = await _matches(session, dialect, query, access)
    following = place_of(*found[-1]).text(query.sort) if more else None
    rows = [row for row, _ in found]
    matches = [stored(row) for row in rows]
    if not query.includes:
        return Page(matches, following, [], included_cut=False)
    others, cut = await included(session, dialect, query, rows, access)
    room = query.most_bytes - sum([len(one.text) for one in matches])
    fitting = _fitting([len(one.text) for one in others], room)
    return Page(matches, following, others[:fitting], cut or fitting < len(others))


async def first_matches(session: Session, dialect: Dialect, query: Query, access: Access, limit: int) -> list[Stored]:
    """The first matches, at most `limit`."""
    return [stored(row) for row, _ in await _found(session, dialect, query, access, limit)]


async def number_of(session: Session, dialect: Dialect, query: Query, access: Access) -> int:
    """How many matches there are on all pages: exactly, unless an estimate will do."""
    # What the planner thinks would tell of resources that the caller may not find.
    rough = query.total == "estimate" and not query.count_only and access.grants is None
    count = dialect.search.estimate if rough else dialect.search.count
    return sum([await count(session, search, access) for search in await _searches(session, query, access)])


async def _matches(session: Session, dialect: Dialect, query: Query, access: Access) -> tuple[Sequence[Found], bool]:
    """As many as are wanted and have room on one page, but one at least; and whether there are more. Of a large page
    some are read first: how large they are tells how many more to read."""
    limit = min(query.count, _FIRST)
    some = await _found(session, dialect, query, access, limit + 1)
    found, room = list(some[:limit]), query.most_bytes
    while True:
        sizes = [len(row[_TEXT]) for row, _ in found]
        fitting = len(found) if sum(sizes) <= room else max(1, _fitting(sizes, room))
        if fitting < len(found):
            return found[:fitting], True
        if len(some) <= limit or len(found) >= query.count or sum(sizes) >= room:
            return found, len(some) > limit
        each = max(1, sum(sizes) // len(found))
        limit = min(query.count - len(found), 1 + (room - sum(sizes)) // each)
        some = await _found(session, dialect, replace(query, after=place_of(*found[-1])), access, limit + 1)
        found += some[:limit]


def _fitting(sizes: Sequence[int], room: int) -> int:
    """How many of the first have room together."""
    return sum(size <= room for size in accumulate(sizes))


async def _found(session: Session, dialect: Dialect, query: Query, access: Access, limit: int) -> Sequence[Found]:
    """With each row the order of its type, which tells its place."""
    found: list[Found] = []
    searches = await _searches(session, query, access)
    for search in searches:
        rows, order = await dialect.search.find(session, search, access, query.after, limit)
        found += [(row, order) for row in rows]
    if len(searches) < 2:
        return found
    places = merged([(place_of(*one), one) for one in found], query.sort)
    return [one for _, one in places[:limit]]


async def _searches(session: Session, query: Query, access: Access) -> Sequence[TypeSearch]:
    """Those that can find something, and only what may be found: of types that there are."""
    for search in query.searches:
        refuse_excess(search.criteria)
    searches = [confined(search, access) for search in query.searches if access.may("s", search.resource_type)]
    if len(searches) <= _FEW_TYPES:
        return searches
    present = {row[0] for row in await session.fetch(statements.TYPES)}
    return [search for search in searches if search.resource_type in present]
