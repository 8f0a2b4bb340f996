"""The past as it is stored, newest first: every version has a place, and later commits have higher ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

from fhir_service.search.history_query import HistoryQuery
from fhir_service.storage.changes import HistoryPage, Key, Version
from fhir_service.storage.rows import stored
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sql_text import Values, all_of

_COLUMNS = "v.type, v.id, v.version, v.last_updated, v.action = 'deleted', v.text, v.place, v.action"
_NEXT_MADE = (
    "(SELECT n.last_updated FROM resource_version n "
    "WHERE n.type = v.type AND n.id = v.id AND n.version = v.version + 1)"
)


async def history_page(session: Session, query: HistoryQuery, types: Sequence[str], key: Key | None) -> HistoryPage:
    """Of one resource, or of all resources of some types.

    Time never runs back from place to place, so the first version before `since` ends it.
    """
    values = Values()
    conditions = _conditions(query, types, key, values)
    if query.after is not None:
        conditions.append(f"v.place < {values(query.after)}")
    order = "v.version" if key else "v.place"  # the same order, and the index of a resource's versions gives it
    words = (
        *("SELECT", _COLUMNS, "FROM resource_version v WHERE", all_of(conditions)),
        *("ORDER BY", order, "DESC LIMIT", values(query.count + 1)),
    )
    rows = await session.fetch(" ".join(words), *values.taken)
    if query.since is not None:
        since = query.since
        rows = list(takewhile(lambda row: row[3] >= since, rows))
    page = [_version(row) for row in rows[: query.count]]
    return HistoryPage(page, rows[query.count - 1][6] if len(rows) > query.count else None)


async def history_total(session: Session, query: HistoryQuery, types: Sequence[str], key: Key | None) -> int:
    """How many versions there are on all pages."""
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
    action = row[7]
    created = action in ("created", "created-by-update")
    # Only the first version can come of a POST: what brings a resource back is sent to its address.
    method: Literal["POST", "PUT", "DELETE"] = "PUT"
    if action == "deleted":
        method = "DELETE"
    elif action == "created" and row[2] == 1:
        method = "POST"
    return Version(stored(row), method, created)
