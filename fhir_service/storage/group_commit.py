"""The SQL of a group of commits: one transaction, whatever number of commits wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from fhir_service.fhir.errors import FhirError
from fhir_service.storage import statements
from fhir_service.storage.changes import Key, Outcome
from fhir_service.storage.database import Database
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.plan import Plan, State
from fhir_service.storage.preparation import Prepared
from fhir_service.storage.sessions import Session


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A line in the books about reports, written with the commit it belongs to. Without a fingerprint the report was
    taken out; `forget` removes every trace of it."""

    source_key: str
    fingerprint: str | None = None
    made: tuple[Key, ...] = ()
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """Changes that succeed or fail together; `erase` removes all versions of some resources for good. One that erases
    has a group to itself."""

    changes: tuple[Prepared, ...] = ()
    report: ReportEntry | None = None
    erase: tuple[Key, ...] = ()


Result = list[Outcome] | FhirError


async def commit_group(database: Database, commits: Sequence[Commit]) -> list[Result]:
    """Write a group in one durable transaction; each commit gets its outcomes, or the error that kept it out."""
    dialect = database.dialect
    async with database.transaction() as session:
        plan = await _start(session, dialect, commits)
        results: list[Result] = [plan.add(commit.changes) for commit in commits]
        await _write(session, dialect, plan)
        for commit, result in zip(commits, results, strict=True):
            if not isinstance(result, FhirError):
                await _keep_books(session, commit)
        return results


async def _start(session: Session, dialect: Dialect, commits: Sequence[Commit]) -> Plan:
    """Take the clock, which only one process can hold, then look at what is to be changed: it cannot change any more.

    Places that a refused commit would have had stay unused.
    """
    changes = [change for commit in commits for change in commit.changes]
    now = time.time_ns() // 1_000_000
    ((place, last_updated),) = await session.fetch(statements.TICK, len(changes), now)
    for commit in commits:
        await _erase(session, dialect, commit.erase)
    states = await _states(session, dialect, [change.key for change in changes if not change.fresh])
    asked = [change.key for change in changes if change.if_changed and change.key in states]
    if asked:
        rows = await session.fetch(statements.READ_MANY.format(keys=dialect.keys), *dialect.key_values(asked))
        for kind, resource_id, _, _, _, text, _ in rows:
            states[kind, resource_id] = replace(states[kind, resource_id], text=text.encode())
    return Plan(states, last_updated, place - len(changes) + 1)


async def _states(session: Session, dialect: Dialect, keys: Sequence[Key]) -> dict[Key, State]:
    if not keys:
        return {}
    unique = list(dict.fromkeys(keys))
    rows = await session.fetch(statements.STATES.format(keys=dialect.keys), *dialect.key_values(unique))
    states: dict[Key, State] = {}
    for row in rows:
        partition_key, resource_key, version, place, last_updated, deleted, hashes, sort_date = row[2:]
        states[row[0], row[1]] = State(
            partition_key, resource_key, version, place, last_updated, bool(deleted), dialect.unpack(hashes), sort_date
        )
    return states


async def _write(session: Session, dialect: Dialect, plan: Plan) -> None:
    versions = [
        (
            *(
                *new.key,
                new.state.version,
                new.state.partition_key,
                new.state.place,
                new.state.last_updated,
                new.action,
            ),
            (new.state.text or b"").decode(),
        )
        for new in plan.versions
    ]
    added = [_row(dialect, key, state) for key, state in plan.states.items() if key not in plan.before]
    changed = [_row(dialect, key, state) for key, state in plan.states.items() if key in plan.before]
    for statement, rows in (
        (statements.INSERT_VERSION, versions),
        (statements.INSERT_CURRENT, added),
        (statements.UPDATE_CURRENT, changed),
    ):
        if rows:
            await session.run_many(statement, rows)
    if dialect.postings:
        await _write_postings(session, plan)


def _row(dialect: Dialect, key: Key, state: State) -> tuple[Any, ...]:
    return (
        *(*key, state.partition_key, state.resource_key, state.version, state.place, state.last_updated),
        *(state.deleted, state.sort_date, dialect.pack(state.hashes), (state.text or b"").decode()),
    )


async def _write_postings(session: Session, plan: Plan) -> None:
    """Only what differs from before; in order of the index, which is how a tree likes to grow."""
    gone: list[tuple[int, int]] = []
    new: list[tuple[int, int, int | None]] = []
    for key, state in plan.states.items():
        old = plan.before.get(key)
        kept = set(old.hashes) if old is not None else set()
        gone += [(one, state.resource_key) for one in kept.difference(state.hashes)]
        if old is not None and old.sort_date == state.sort_date:
            new += [(one, state.resource_key, state.sort_date) for one in state.hashes if one not in kept]
        else:
            new += [(one, state.resource_key, state.sort_date) for one in state.hashes]
    if gone:
        await session.run_many(statements.DELETE_POSTING, sorted(gone))
    if new:
        await session.run_many(statements.INSERT_POSTING, sorted(new, key=itemgetter(0, 1)))


async def _erase(session: Session, dialect: Dialect, keys: Sequence[Key]) -> None:
    states = await _states(session, dialect, keys)
    if dialect.postings:
        rows = [(one, state.resource_key) for state in states.values() for one in state.hashes]
        await session.run_many(statements.DELETE_POSTING, rows)
    if keys:
        await session.run_many(statements.ERASE_VERSIONS, keys)
        await session.run_many(statements.ERASE_CURRENT, keys)


async def _keep_books(session: Session, commit: Commit) -> None:
    entry = commit.report
    if entry is None:
        return
    if entry.forget:
        await session.fetch(statements.FORGET_RESOURCES, entry.source_key)
        await session.fetch(statements.FORGET_REPORT, entry.source_key)
        return
    await session.fetch(statements.REMEMBER_REPORT, entry.source_key, entry.fingerprint)
    await session.fetch(statements.MAKES_NO_LONGER, entry.source_key)
    if entry.made:
        await session.run_many(statements.MAKES, [(entry.source_key, *key) for key in entry.made])
