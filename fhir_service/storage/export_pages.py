"""Resources as they were at a place in the order of commits, page by page, whatever was written since.

A page is a range of resource keys, which never change. Within one snapshot it holds what is current and was committed
up to the place, and of what was changed since the version that was current then. So each resource comes exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.json_text import parse
from fhir_service.search.criteria import AnyCriterion
from fhir_service.search.in_memory import meets
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.search.terms import hashes_of
from fhir_service.storage.changes import Key
from fhir_service.storage.criteria_sql import Conditions, Subject
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.provenance import provenance_of
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sql_text import Values, all_of, any_of

_CHANGED = (
    "SELECT c.type, c.id FROM resource_current c WHERE c.type = $1 AND c.last_updated > $2 AND c.place > $3 "
    "AND c.resource_key > $4 AND c.resource_key <= $5"
)
_AS_IT_WAS = (
    "SELECT v.type, v.id, v.last_updated, v.text FROM {keys} CROSS JOIN resource_version v WHERE v.type = k.type "
    "AND v.id = k.id AND v.place <= {place} AND v.action <> 'deleted' AND NOT EXISTS (SELECT 1 FROM resource_version n "
    "WHERE n.type = v.type AND n.id = v.id AND n.version = v.version + 1 AND n.place <= {place})"
)
_DELETED = (
    "SELECT v.id, v.version, v.place, b.text FROM resource_version v "
    "LEFT JOIN resource_version b ON b.type = v.type AND b.id = v.id AND b.version = v.version - 1 "
    "WHERE v.type = $1 AND v.place > $2 AND v.place <= $3 AND v.action = 'deleted' "
    "AND v.last_updated > $4 AND v.last_updated < $5 AND NOT EXISTS (SELECT 1 FROM resource_version n "
    "WHERE n.type = v.type AND n.id = v.id AND n.version = v.version + 1 AND n.place <= $3) "
    "ORDER BY v.place LIMIT $6"
)


@dataclass(frozen=True, slots=True)
class Extent:
    """What is walked: the resources of a type with keys up to `last`, as they were at `place`, whose instant is
    `moment`; those written after `since` and before `until` (milliseconds; None: at any time), that meet all criteria
    of one of the `alternatives`. The criteria are about the resource itself."""

    resource_type: str
    place: int
    moment: int
    last: int
    since: int | None = None
    until: int | None = None
    alternatives: tuple[tuple[AnyCriterion, ...], ...] = ()
    base: str | None = None
    """The address under which an absolute reference means a resource of this store."""


class Lines(NamedTuple):
    """Some resources, one a line, in some pieces of whole lines: to join them is not for the event loop. `through` is
    the key behind which the next page begins; the last page is `last`."""

    pieces: list[bytes]
    number: int
    through: int
    last: bool


class Exported(NamedTuple):
    """One resource, whose it is (empty: of no patient, or not by the parameter that tells), and the hashes of the terms
    it is found by."""

    id: str
    text: bytes
    patient: str
    hashes: Sequence[int]


class Rows(NamedTuple):
    found: list[Exported]
    through: int
    last: bool


class Deleted(NamedTuple):
    """A deletion; `text` is what was deleted."""

    id: str
    text: bytes
    place: int


async def lines_page(session: Session, dialect: Dialect, extent: Extent, after: int, limit: int) -> Lines:
    """The next resources behind a key, joined by the database itself. Wants a snapshot."""
    words, values = _page(dialect, extent, after, limit, "c.text AS text")
    joined = f"SELECT count(*), max(resource_key), {dialect.joined_lines} FROM ({words}) page {dialect.joined_by}"
    rows = await session.fetch_much(joined, *values.taken)
    count = sum(row[0] for row in rows)
    last = count < limit
    through = extent.last if last else max(row[1] for row in rows)
    changed = await _changed(session, dialect, extent, after, through)
    pieces = [row[2] for row in rows if row[0]] + [one.text + b"\n" for one in changed]
    return Lines(pieces, count + len(changed), through, last)


async def rows_page(session: Session, dialect: Dialect, extent: Extent, after: int, limit: int) -> Rows:
    """The same, each by itself with what tells whose it is."""
    words, values = _page(dialect, extent, after, limit, "c.id, c.text, c.partition_key, c.hashes")
    rows = await session.fetch(words, *values.taken)
    last = len(rows) < limit
    through = extent.last if last else rows[-1][0]
    found = [Exported(row[1], row[2].encode(), _patient(row[3]), dialect.unpack(row[4])) for row in rows]
    return Rows(found + await _changed(session, dialect, extent, after, through), through, last)


async def deleted_page(session: Session, extent: Extent, after: int, limit: int) -> list[Deleted]:
    """The next deletions after `since` that stood at the place, behind a place."""
    since = -1 if extent.since is None else extent.since
    until = extent.moment + 1 if extent.until is None else extent.until
    rows = await session.fetch(_DELETED, extent.resource_type, after, extent.place, since, until, limit)
    return [Deleted(row[0], (row[3] or "").encode(), row[2]) for row in rows]


async def as_they_were(
    session: Session, dialect: Dialect, keys: Sequence[Key], place: int, base: str | None
) -> dict[Key, Exported]:
    """The versions of some resources that were current at a place; those deleted then are not there."""
    given = dialect.key_values(keys)
    statement = _AS_IT_WAS.format(keys=dialect.keys, place=f"${len(given) + 1}")
    rows = await session.fetch(statement, *given, place)
    return {(row[0], row[1]): _exported(row, base) for row in rows}


async def provenance_then(
    session: Session, dialect: Dialect, targets: Sequence[Key], then: tuple[int, int], base: str | None
) -> list[Exported]:
    """Every Provenance that was about one of these resources at a place, given with its instant; others that were
    changed since may be among them."""
    place, moment = then
    now = await provenance_of(session, dialect, targets)
    changed = await session.fetch(_CHANGED, "Provenance", moment, place, -1, place)
    keys = sorted({(row[0], row[1]) for row in (*now, *changed) if row[0] == "Provenance"})
    return list((await as_they_were(session, dialect, keys, place, base)).values()) if keys else []


def _page(dialect: Dialect, extent: Extent, after: int, limit: int, columns: str) -> tuple[str, Values]:
    values = Values()
    conditions = [
        f"c.type = {values(extent.resource_type)}",
        "NOT c.deleted",
        f"c.resource_key > {values(after)}",
        f"c.resource_key <= {values(extent.last)}",
        f"c.place <= {values(extent.place)}",
    ]
    if extent.since is not None:
        conditions.append(f"c.last_updated > {values(extent.since)}")
    if extent.until is not None:
        conditions.append(f"c.last_updated < {values(extent.until)}")
    if extent.alternatives:
        met = Conditions(dialect.words, values, OPEN)
        subject = Subject(extent.resource_type, "c.resource_key", "c")
        conditions.append(any_of(all_of(met.all(criteria, subject)) for criteria in extent.alternatives))
    words = (
        *("SELECT c.resource_key,", columns, "FROM resource_current c WHERE", all_of(conditions)),
        *("ORDER BY c.resource_key LIMIT", values(limit)),
    )
    return " ".join(words), values


async def _changed(session: Session, dialect: Dialect, extent: Extent, after: int, through: int) -> list[Exported]:
    """What of a range of keys was changed since, as it was."""
    bounds = (extent.resource_type, extent.moment, extent.place, after, through)
    keys = [(row[0], row[1]) for row in await session.fetch(_CHANGED, *bounds)]
    if not keys:
        return []
    statement = _AS_IT_WAS.format(keys=dialect.keys, place=f"${len(dialect.key_values(keys)) + 1}")
    rows = await session.fetch(statement, *dialect.key_values(keys), extent.place)
    return [_exported(row, extent.base) for row in rows if _was_meant(extent, row)]


def _was_meant(extent: Extent, row: Row) -> bool:
    _, resource_id, updated, text = row
    if extent.since is not None and updated <= extent.since:
        return False
    if extent.until is not None and updated >= extent.until:
        return False
    if not extent.alternatives:
        return True
    values = index_values(parse(text.encode()), extent.base)
    return any(all(meets(values, resource_id, updated, one) for one in criteria) for criteria in extent.alternatives)


def _exported(row: Row, base: str | None) -> Exported:
    text = row[3].encode()
    values = index_values(parse(text), base)
    return Exported(row[1], text, _patient(partition_key(row[1], values)), hashes_of(values))


def _patient(partition: str) -> str:
    return "" if partition.startswith("~") else partition
