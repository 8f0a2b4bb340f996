"""A query as a whole: the matches of all its types in one order, their includes, their number."""

from __future__ import annotations

from collections.abc import Sequence

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
Found = tuple[Row, Order]


async def page_of(session: Session, dialect: Dialect, query: Query, access: Access) -> Page:
    """The next page of matches, and what they bring along."""
    found = await _found(session, dialect, query, access, query.count + 1)
    page = found[: query.count]
    following = place_of(*page[-1]).text(query.sort) if page and len(found) > query.count else None
    rows = [row for row, _ in page]
    others, cut = await included(session, dialect, query, rows, access) if query.includes else ([], False)
    return Page([stored(row) for row in rows], following, others, cut)


async def first_matches(session: Session, dialect: Dialect, query: Query, access: Access, limit: int) -> list[Stored]:
    """The first matches, at most `limit`."""
    return [stored(row) for row, _ in await _found(session, dialect, query, access, limit)]


async def number_of(session: Session, dialect: Dialect, query: Query, access: Access) -> int:
    """How many matches there are on all pages: exactly, unless an estimate will do."""
    # What the planner thinks would tell of resources that the caller may not find.
    rough = query.total == "estimate" and not query.count_only and access.grants is None
    count = dialect.search.estimate if rough else dialect.search.count
    return sum([await count(session, search, access) for search in await _searches(session, query, access)])


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
