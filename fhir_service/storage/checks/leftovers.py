"""Rows that belong to nothing: index rows of no resource, references to nothing, memories of what is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from fhir_service.storage.checks.disagreement import Disagreement, Kind
from fhir_service.storage.checks.walks import Seen, Walk
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.index_rows import VALUE_TABLES
from fhir_service.storage.sessions import Session

MOST = 1000
"""Most rows of a kind that are listed."""
_HOLDER = "resource_current c WHERE c.resource_key = {column} AND NOT c.deleted"


class _Query(NamedTuple):
    """Rows that should not be: each a name and the values that the text is filled with."""

    kind: Kind
    text: str
    statement: str


_INDEX = tuple(
    _Query(
        Kind.INDEX,
        f"{table} has rows of it, and no such resource is current",
        f"SELECT DISTINCT 'resource_key ' || i.{column} FROM {table} i "
        f"WHERE NOT EXISTS (SELECT 1 FROM {_HOLDER.format(column=f'i.{column}')})",
    )
    for table, column in (*((table, "resource_key") for table in VALUE_TABLES), ("full_text", "{words_key}"))
)
_OTHERS = (
    _Query(
        Kind.REFERENCE,
        "it refers to {}, which is not stored",
        "SELECT DISTINCT c.type || '/' || c.id, l.target_type || '/' || l.target_id FROM link l "
        "JOIN resource_current c ON {same} WHERE NOT c.deleted AND NOT EXISTS "
        "(SELECT 1 FROM resource_current t WHERE t.type = l.target_type "
        "AND t.id = l.target_id AND NOT t.deleted)",
    ),
    _Query(
        Kind.BOOKS,
        "the report {} made it, and it is not stored in that version",
        "SELECT r.type || '/' || r.id, r.source_key FROM report_resource r WHERE r.present AND NOT EXISTS "
        "(SELECT 1 FROM resource_current c WHERE c.type = r.type AND c.id = r.id "
        "AND c.version >= coalesce(r.version, 1))",
    ),
    _Query(
        Kind.BOOKS,
        "the access that touched it is not recorded",
        "SELECT DISTINCT n.type || '/' || n.id FROM audit_entity n "
        "WHERE NOT EXISTS (SELECT 1 FROM audit_event e WHERE e.place = n.place)",
    ),
    _Query(
        Kind.BOOKS,
        "the job is {}, and its parts do not say so",
        "SELECT 'job ' || j.id, j.state FROM job j WHERE j.state = 'complete' "
        "AND EXISTS (SELECT 1 FROM job_shard s WHERE s.job_id = j.id AND NOT s.done)",
    ),
    _Query(
        Kind.BOOKS,
        "there is no job of which it is a part",
        "SELECT 'job ' || s.job_id || ' part ' || s.number FROM job_shard s "
        "WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.id = s.job_id)",
    ),
)
QUESTIONS = len(_INDEX) + len(_OTHERS)
_POSTINGS_IN_ALL = "SELECT count(*), (SELECT coalesce(sum(length(hashes) / 8), 0) FROM resource_current) FROM posting"
_POSTINGS = Walk(
    "posting",
    ("hash", "resource_key"),
    "(SELECT c.hashes FROM resource_current c WHERE c.resource_key = t.resource_key)",
    has_text=False,
)


async def leftovers(session: Session, dialect: Dialect, seen: Seen) -> AsyncIterator[Disagreement]:
    """All of them, the first of each kind; `seen` is told of each of `QUESTIONS`."""
    words = {
        "words_key": "rowid" if dialect.postings else "resource_key",
        "same": " AND ".join(f"c.{column} = l.{column}" for column in dialect.whose),
    }
    for query in (*_INDEX, *_OTHERS):
        for about, *values in await session.fetch(f"{query.statement.format(**words)} LIMIT {MOST}"):
            yield Disagreement(query.kind, about, query.text.format(*values))
        seen(1)
    if dialect.postings:
        async for found in _postings_of_nothing(session, dialect):
            yield found


async def _postings_of_nothing(session: Session, dialect: Dialect) -> AsyncIterator[Disagreement]:
    """A posting names its resource and the resource its postings. To follow each back takes long, and is done only
    where the numbers differ: that none is missing was seen with the resource."""
    ((there, wanted),) = await session.fetch(_POSTINGS_IN_ALL)
    if there == wanted:
        return
    told = 0
    async for page in _POSTINGS.pages(session, dialect, (-(2**63), 0)):
        for one, resource_key, hashes in page:
            if hashes is None or one not in dialect.unpack(hashes):
                yield Disagreement(Kind.INDEX, f"resource_key {resource_key}", "posting has a row that is not its own")
                told += 1
        if told >= MOST:
            return
