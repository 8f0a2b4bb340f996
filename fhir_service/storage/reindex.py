"""Index rows of what is stored already made anew, batch by batch, each with its progress in one transaction.

A run that was broken off goes on where it was; two that run at once share the work. What others write meanwhile is
indexed as it is written. Needed where an older release has written the rows, or other search parameters are defined.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import cache, partial
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from fhir_service.definitions.search_parameters import all_parameters
from fhir_service.fhir.json_text import parse
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.storage.changes import Key
from fhir_service.storage.database import Database
from fhir_service.storage.group_commit import Commit, Group
from fhir_service.storage.index_rows import NO_HIGH, IndexRows, index_rows
from fhir_service.storage.plan import State
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.writer import Writer

RULES = 2
"""To be raised when the same definitions give other rows."""
BATCH = 200
"""Resources in one transaction; others wait for it to write."""
_UNLIKE_ANY = NO_HIGH + 1
"""A greatest date that no resource has, so that every posting is written anew."""
_STATE = "SELECT fingerprint, after_type, after_id, complete FROM index_state WHERE id = 1"
_SAVE = "UPDATE index_state SET fingerprint = $1, after_type = $2, after_id = $3, complete = $4 WHERE id = 1"
_NEXT = (
    "SELECT type, id, partition_key, resource_key, version, place, last_updated, deleted, hashes, text "
    "FROM resource_current WHERE (type, id) > ($1, $2) ORDER BY type, id LIMIT $3"
)
_BEHIND = "SELECT count(*) FROM resource_current WHERE (type, id) > ($1, $2)"
_log = logging.getLogger("fhir_service.storage")
Progress = Callable[[int, int], None]
"""Is told how many resources are done, and of how many."""


class IndexState(NamedTuple):
    """By which definitions the rows were made; where that is not `complete`, up to which resource."""

    fingerprint: str
    after: Key
    complete: bool


class SearchIndex:
    """The index rows of one store. `base` is the address under which an absolute reference means a resource of it."""

    def __init__(self, database: Database, writer: Writer, base: str | None) -> None:
        self._database = database
        self._writer = writer
        self._base = base

    async def finish(self) -> None:
        """Finish an index that is not complete. One that other search parameters made is only told of in the log: to
        make it anew may take long, and the resources can be read meanwhile."""
        async with self._database.reading() as session:
            state = await index_state(session)
        if not state.complete:
            await self.renew(_tell)
        elif state.fingerprint != fingerprint():
            _log.warning(
                "the definitions of search parameters have changed since this database was indexed: searches may miss "
                "resources until `fhir-service reindex` has run"
            )

    async def renew(self, progress: Progress | None = None) -> int:
        """Make the index rows of all resources anew, or go on with a run that was broken off; returns how many there
        were to do. The store can be used meanwhile. Raises StoreUnavailable."""
        after: Key = await self._writer.commit(Commit(work=begin))
        async with self._database.reading() as session:
            wanted = await left(session, after)
        done = 0
        while batch := await self._writer.commit(Commit(work=partial(next_batch, base=self._base))):
            done += batch
            if progress is not None:
                progress(done, max(wanted, done))
        return done


@cache
def fingerprint() -> str:
    """What tells the search parameters of this release and its mappings from others."""
    parameters = sorted(all_parameters().values(), key=lambda one: one.url)
    return blake2b(msgspec.json.encode([RULES, parameters]), digest_size=16).hexdigest()


async def index_state(session: Session) -> IndexState:
    ((made_by, after_type, after_id, complete),) = await session.fetch(_STATE)
    return IndexState(made_by, (after_type, after_id), bool(complete))


async def left(session: Session, after: Key) -> int:
    """How many resources are still to be indexed."""
    return int((await session.fetch(_BEHIND, *after))[0][0])


async def begin(group: Group) -> Key:
    """Start anew, unless a run for the present definitions is under way; returns where it stands."""
    state = await index_state(group.session)
    if state.fingerprint == fingerprint() and not state.complete:
        return state.after
    await group.session.fetch(_SAVE, fingerprint(), "", "", False)
    return "", ""


async def next_batch(group: Group, base: str | None) -> int:
    """Index the next resources as part of a group of commits; returns how many, 0 at the end."""
    await group.flush()
    state = await index_state(group.session)
    if state.complete:
        return 0
    rows = await group.session.fetch(_NEXT, *state.after, BATCH)
    states = await asyncio.to_thread(_states, rows, base)
    for row in rows:
        key, old = (row[0], row[1]), _state(row, row[2], IndexRows(group.dialect.unpack(row[8]), sort_high=_UNLIKE_ANY))
        group.plan.before[key] = old
        if not old.deleted:
            group.plan.states[key] = states[key]
    await group.flush()
    after = (rows[-1][0], rows[-1][1]) if rows else ("", "")
    await group.session.fetch(_SAVE, fingerprint(), *after, not rows)
    return len(rows)


def _states(rows: Sequence[Row], base: str | None) -> dict[Key, State]:
    found = {}
    for row in rows:
        kind, resource_id, text = row[0], row[1], row[9]
        if text:
            values = index_values(parse(text.encode()), base)
            found[kind, resource_id] = _state(row, partition_key(resource_id, values), index_rows(values))
    return found


def _state(row: Row, partition: str, rows: IndexRows) -> State:
    resource_key, version, place, last_updated, deleted = row[3:8]
    return State(partition, resource_key, version, place, last_updated, bool(deleted), rows, row[9].encode())


def _tell(done: int, wanted: int) -> None:
    _log.info("%d of %d resources indexed", done, wanted)
