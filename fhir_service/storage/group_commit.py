"""The SQL of a group of commits: one transaction, whatever number of commits wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from time import time_ns
from typing import Any

from fhir_service.fhir.errors import EditConflict, FhirError
from fhir_service.storage import statements
from fhir_service.storage.changes import Key, Outcome
from fhir_service.storage.database import Database
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.fresh_rows import Block, portions, take_fresh
from fhir_service.storage.index_writing import erase_index_rows, write_index_rows
from fhir_service.storage.plan import Plan
from fhir_service.storage.preparation import Prepared
from fhir_service.storage.sessions import Session, Step
from fhir_service.storage.state_rows import current_steps, states, version_steps

_SIZE_OF_WORK = 20


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A line in the books about reports, written with the commit it belongs to. Without a fingerprint the report was
    taken out; `forget` removes every trace of it. `before` is what the caller believes that it made until now, and
    `reading` what was read in it, as JSON. With `sole` no other source may have that fingerprint.
    Where either is otherwise the commit is an EditConflict."""

    source_key: str
    fingerprint: str | None = None
    made: tuple[Key, ...] = ()
    forget: bool = False
    before: frozenset[Key] | None = None
    reading: bytes | None = None
    sole: bool = False


@dataclass(slots=True)
class Group:
    """A group while it is written: a session in its transaction, and the plan of what is written."""

    session: Session
    dialect: Dialect
    plan: Plan

    async def reserve(self, places: int) -> None:
        """As many places more, behind those there are: nobody else can take any meanwhile."""
        await self.session.fetch(statements.TICK, places, self.plan.last_updated)

    async def look_at(self, changes: Sequence[Prepared]) -> None:
        """Let the plan know the states of what is to be changed."""
        before = self.plan.before
        unknown = [change.key for change in changes if not change.fresh and change.key not in before]
        before.update(await states(self.session, self.dialect, unknown))
        asked = [
            change.key
            for change in changes
            if (change.if_changed or change.guard) and change.key in before and before[change.key].text is None
        ]
        if asked:
            statement = statements.READ_MANY.format(keys=self.dialect.keys)
            for kind, resource_id, _, _, _, text, *_ in await self.session.fetch(
                statement, *self.dialect.key_values(asked)
            ):
                before[kind, resource_id] = replace(before[kind, resource_id], text=text.encode())

    async def flush(self) -> None:
        """Write the states, so that searches in this transaction see them; the versions follow at the end."""
        if self.plan.states:
            await self._run(current_steps(self.dialect, self.plan))
            await self._write_index_rows()
            self.plan.written()

    async def finish(self, steps: Sequence[Step]) -> None:
        """Write what waits, and `steps`."""
        for portion in portions(take_fresh(self.plan)):  # others have their turn in between
            await self.dialect.loader.add(self.session, portion, self.plan.last_updated)
        await self._run([*version_steps(self.plan), *current_steps(self.dialect, self.plan), *steps])
        await self._write_index_rows()

    async def load(self, block: Block, base: int) -> None:
        """Write the first versions of resources that were not there, their places behind `base`."""
        await self.dialect.loader.load(self.session, block, base, self.plan.last_updated)

    async def _write_index_rows(self) -> None:
        await write_index_rows(self.session, self.dialect.rows, self.plan.before, self.plan.states)

    async def _run(self, steps: Sequence[Step]) -> None:
        await self.session.run_all([(statement, rows) for statement, rows in steps if rows])


Work = Callable[[Group], Awaitable[Any]]
"""What a commit does that cannot be said beforehand; it returns the error that keeps it out, and then has left nothing
in the group. It may be run again."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Changes that succeed or fail together, or `work` that makes them; `erase` removes all versions of some resources
    for good. One that erases has a group to itself, and one that is to be `alone`."""

    changes: tuple[Prepared, ...] = ()
    report: ReportEntry | None = None
    erase: tuple[Key, ...] = ()
    work: Work | None = None
    alone: bool = False

    @property
    def has_own_group(self) -> bool:
        return self.alone or bool(self.erase)

    @property
    def size(self) -> int:
        """How much of a group it takes, in changes; a piece of work holds up the others for several statements."""
        return len(self.changes) if self.work is None else _SIZE_OF_WORK


async def commit_group(database: Database, commits: Sequence[Commit]) -> list[Any]:
    """Write a group in one durable transaction; each commit gets its outcomes, or the error that kept it out."""
    async with database.transaction() as session:
        group = await _begin(session, database.dialect, commits)
        stale = await _stale(session, commits)
        results: list[Any] = []
        for number, commit in enumerate(commits):
            if number in stale:
                results.append(EditConflict("the same report is being loaded by somebody else"))
            elif commit.work is not None:
                results.append(await commit.work(group))
            else:
                results.append(group.plan.add(commit.changes))
        books = [
            step
            for commit, result in zip(commits, results, strict=True)
            if not isinstance(result, FhirError)
            for step in _book_steps(commit, result)
        ]
        await group.finish(books)
        return results


async def _begin(session: Session, dialect: Dialect, commits: Sequence[Commit]) -> Group:
    """Take the clock, which only one process can hold, then look at what is to be changed: it cannot change any more.

    Places that a refused commit would have had stay unused.
    """
    changes = [change for commit in commits for change in commit.changes]
    now = time_ns() // 1_000_000
    ((place, last_updated),) = await session.fetch(statements.TICK, len(changes), now)
    for commit in commits:
        await _erase(session, dialect, commit.erase)
    group = Group(session, dialect, Plan({}, last_updated, place - len(changes) + 1))
    await group.look_at(changes)
    return group


async def _stale(session: Session, commits: Sequence[Commit]) -> set[int]:
    """The places of commits about a report that has changed since its caller looked, or whose text came in under
    another source, or that an earlier commit of the group changes so."""
    stale: set[int] = set()
    seen: set[str] = set()
    texts: dict[str, str] = {}
    for number, commit in enumerate(commits):
        entry = commit.report
        if entry is None or entry.before is None:
            continue
        rows = await session.fetch(statements.REPORT_RESOURCES, entry.source_key)
        made = {(kind, resource_id) for kind, resource_id, present, _ in rows if present}
        if entry.source_key in seen or made != entry.before or await _is_of_another(session, entry, texts):
            stale.add(number)
        seen.add(entry.source_key)
    return stale


async def _is_of_another(session: Session, entry: ReportEntry, texts: dict[str, str]) -> bool:
    """Whether its text is that of another source. `texts` has the sources of those in the group by fingerprint."""
    if not entry.sole or entry.fingerprint is None:
        return False
    sources = {row[0] for row in await session.fetch(statements.SOURCES_OF, entry.fingerprint)}
    sources.add(texts.setdefault(entry.fingerprint, entry.source_key))
    return sources - {entry.source_key} != set()


async def _erase(session: Session, dialect: Dialect, keys: Sequence[Key]) -> None:
    if not keys:
        return
    found = await states(session, dialect, keys)
    rows = [(one, state.resource_key) for state in found.values() for one in state.rows.hashes]
    if dialect.postings:
        await session.run_all([(statements.DELETE_POSTING, rows)])
    await erase_index_rows(session, dialect.rows, found.values())
    await session.run_all([(statements.ERASE_VERSIONS, keys), (statements.ERASE_CURRENT, keys)])


def _book_steps(commit: Commit, outcomes: Sequence[Outcome]) -> list[Step]:
    """What was changed, or was found to be as it should, is in a version that the report made."""
    entry = commit.report
    if entry is None:
        return []
    left_in = {(outcome.type, outcome.id): outcome.version for outcome in outcomes}
    reading = None if entry.reading is None else entry.reading.decode()
    source = [(entry.source_key,)]
    if entry.forget:
        return [(statements.FORGET_RESOURCES, source), (statements.FORGET_REPORT, source)]
    return [
        (statements.REMEMBER_REPORT, [(entry.source_key, entry.fingerprint, reading)]),
        (statements.MAKES_NO_LONGER, source),
        (statements.MAKES, [(entry.source_key, *key, left_in.get(key)) for key in entry.made]),
    ]
