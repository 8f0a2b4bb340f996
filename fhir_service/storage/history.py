"""The past as it is stored, newest first: every version has a place, and later commits have higher ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Literal

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import TooCostly
from fhir_service.search.history_query import HistoryQuery
from fhir_service.search.restrictions import is_restricted
from fhir_service.storage.admission import admitted_versions
from fhir_service.storage.changes import HistoryPage, Key, Version
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.rows import stored
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sql_text import Values, all_of

_COLUMNS = "v.type, v.id, v.version, v.last_updated, v.action = 'deleted', {text}, v.place, v.partition_key, v.action"
_MOST_READ = 20
"""Pages that are looked through for one that a restricted caller may see."""
_ALL = 1_000_000
_NEXT_MADE = (
    "(SELECT n.last_updated FROM resource_version n "
    "WHERE n.type = v.type AND n.id = v.id AND n.version = v.version + 1)"
)


async def history_page(
    session: Session,
    dialect: Dialect,
    query: HistoryQuery,
    types: Sequence[str],
    *,
    key: Key | None,
    access: Access,
) -> HistoryPage:
    """Of one resource, or of all resources of some types. Where the caller may see only some of them, a page may have
    less than was asked for and a next one all the same."""
    found: list[Row] = []
    place: int | None = query.after
    for _ in range(_MOST_READ):
        rows, place = await _rows(session, dialect, replace(query, after=place), types, key)
        found += await admitted_versions(session, dialect, rows, access, "s" if key is None else "r")
        if place is None or len(found) >= query.count:
            break
    if len(found) > query.count:
        place = found[query.count - 1][6]
    return HistoryPage([_version(row) for row in found[: query.count]], place)


async def _rows(
    session: Session, dialect: Dialect, query: HistoryQuery, types: Sequence[str], key: Key | None
) -> tuple[Sequence[Row], int | None]:
    """Those of a page, and the place behind which the next one begins.

    Time never runs back from place to place, so the first version before `since` ends it.
    """
    values = Values()
    conditions = _conditions(query, types, key, values)
    if query.after is not None:
        conditions.append(f"v.place < {values(query.after)}")
    if dialect.places_first and len(types) > 1 and query.at is None:
        newest = f"SELECT v.place FROM resource_version v WHERE {all_of(conditions)} ORDER BY v.place DESC"
        conditions = [f"v.place IN ({newest} LIMIT {values(query.count + 1)})"]
    order = "v.version" if key else "v.place"  # the same order, and the index of a resource's versions gives it
    words = (
        *(
            "SELECT",
            _COLUMNS.format(text=dialect.as_bytes.format("v.text")),
            "FROM resource_version v WHERE",
            all_of(conditions),
        ),
        *("ORDER BY", order, "DESC LIMIT", values(query.count + 1)),
    )
    rows = await session.fetch(" ".join(words), *values.taken)
    if query.since is not None:
        since = query.since
        rows = list(takewhile(lambda row: row[3] >= since, rows))
    return rows[: query.count], rows[query.count - 1][6] if len(rows) > query.count else None


async def history_total(
    session: Session,
    dialect: Dialect,
    query: HistoryQuery,
    types: Sequence[str],
    *,
    key: Key | None,
    access: Access,
) -> int:
    """How many versions there are on all pages. Raises TooCostly where each of many would have to be looked at."""
    if key is not None and is_restricted(access, "r", key[0]):
        whole = replace(query, after=None, count=_ALL)
        return len((await history_page(session, dialect, whole, types, key=key, access=access)).versions)
    if key is None and any(is_restricted(access, "s", kind) for kind in types):
        raise TooCostly("what a search restriction leaves of this history is not counted; leave _total out")
    values = Values()
    conditions = _conditions(query, types, key, values)
    if query.since is not None:
        conditions.append(f"v.last_updated >= {values(query.since)}")
    words = ("SELECT count(*) FROM resource_version v WHERE", all_of(conditions))
    return int((await session.fetch(" ".join(words), *values.taken))[0][0])


def _conditions(query: HistoryQuery, types: Sequence[str], key: Key | None, values: Values) -> list[str]:
    if key is not None:
        conditions = [f"v.type = {values(key[0])}", f"v.id = {values(key[1])}"]
    elif types:
        conditions = [f"v.type IN ({values.many(types)})"]
    else:
        conditions = ["FALSE"]
    if query.at is not None:
        low, high = query.at
        conditions += [
            f"v.last_updated < {values(high)}",
            # A deletion is an event: it belongs to the time it happened in. A version lasts until the next.
            f"(v.last_updated >= {values(low)} OR v.action <> 'deleted' AND "
            f"coalesce({_NEXT_MADE} > {values(low)}, TRUE))",
        ]
    return conditions


def _version(row: Row) -> Version:
    action = row[8]
    created = action in ("created", "created-by-update")
    # Only the first version can come of a POST: what brings a resource back is sent to its address.
    method: Literal["POST", "PUT", "DELETE"] = "PUT"
    if action == "deleted":
        method = "DELETE"
    elif action == "created" and row[2] == 1:
        method = "POST"
    return Version(stored(row), method, created)
