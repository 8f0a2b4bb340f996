"""A commit whose changes depend on what is stored: it finds, decides and writes while nobody else can write.

The clock is held all the time, by one writer of one process, so what was found stays true until the commit is durable
(R4 http.html, conditional interactions).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from fhir_service.fhir.access import Access, Letter
from fhir_service.fhir.errors import FhirError, Forbidden, StoreUnavailable, TookTooLong
from fhir_service.search.query import Query
from fhir_service.storage import statements
from fhir_service.storage.admission import admitted_versions
from fhir_service.storage.changes import Change, Key, Outcome, Stored
from fhir_service.storage.group_commit import Group
from fhir_service.storage.plan import State
from fhir_service.storage.preparation import Prepared, prepare
from fhir_service.storage.rows import stored
from fhir_service.storage.searching import first_matches
from fhir_service.storage.sessions import Row

T = TypeVar("T")
Note = Callable[[Iterable[Stored | Outcome]], None]
"""Takes what a caller was given or has written."""


class Transaction:
    """What is found is found among what is stored, the changes of this commit included."""

    def __init__(self, group: Group, access: Access, base: str | None, note: Note) -> None:
        self.access = access
        self._group = group
        self._base = base
        self._note = note
        self._first = len(group.plan.versions)
        self._first_place = group.plan.next_place
        self._tuned = False
        self._before: dict[Key, State | None] | None = None
        """What the plan knew of each resource that this commit has written to the tables; None: it wrote nothing."""

    async def find(self, query: Query, limit: int) -> list[Stored]:
        """The first matches, at most `limit`. Raises Forbidden for a type that may not be searched: that nothing is
        found must not mean that nothing is there."""
        refused = sorted({one.resource_type for one in query.searches if not self.access.may("s", one.resource_type)})
        if refused:
            raise Forbidden(f"searching {', '.join(refused)} is not allowed, and this depends on what is found there")
        await self._flush()
        if not self._tuned:
            self._tuned = True
            for statement in self._group.dialect.for_finding:
                await self._group.session.fetch(statement)
        found = await first_matches(self._group.session, self._group.dialect, query, self.access, limit)
        self._note(found)
        return found

    async def read(self, resource_type: str, resource_id: str, first: Letter, *more: Letter) -> Stored | None:
        """The newest version, to do with it what the letters say, which may be a deletion; None where the resource
        never was, or that may not be done with it."""
        letters = (first, *more)
        if not all(self.access.may(letter, resource_type) for letter in letters):
            return None
        await self._flush()
        session = self._group.session
        rows: Sequence[Row] = await session.fetch(statements.READ, resource_type, resource_id)
        for letter in letters:
            rows = await admitted_versions(session, self._group.dialect, rows, self.access, letter)
        return stored(rows[0]) if rows else None

    async def write(self, changes: Sequence[Change | Prepared]) -> list[Outcome]:
        """All of them, or none and an error that says which it is about. Raises what `Repository.commit` does."""
        ready = await prepare(changes, self._base, self.access)
        await self._group.reserve(len(ready))
        await self._group.look_at(ready)
        outcomes = self._group.plan.add(ready)
        if isinstance(outcomes, FhirError):
            raise outcomes
        told = [replace(one, text=b"", partition="") for one in outcomes]  # what was written may still be rewritten
        self._note(told)
        return told

    async def rewrite(self, changes: Sequence[Change | Prepared]) -> None:
        """Other content for versions that this commit wrote, each named by a change with the type and id of one."""
        self._group.plan.rewrite(await prepare(changes, self._base, self.access), self._first)

    async def undo(self) -> None:
        """Leave nothing in the group. Going back to the savepoint takes the clock back too, so the places that this
        commit took have to be free again, or the next group would take them a second time."""
        plan = self._group.plan
        plan.next_place = self._first_place
        plan.states.clear()
        del plan.versions[self._first :]
        if self._before is None:
            return
        await self._group.session.fetch("ROLLBACK TO SAVEPOINT this_commit")
        for key, state in self._before.items():
            if state is None:
                plan.before.pop(key, None)
            else:
                plan.before[key] = state

    async def _flush(self) -> None:
        """What this commit writes can be taken back without what the others of its group have written."""
        plan = self._group.plan
        if not plan.states:
            return
        if self._before is None:
            self._before = {}
            await self._group.session.fetch("SAVEPOINT this_commit")
        for key in plan.states:
            self._before.setdefault(key, plan.before.get(key))
        await self._group.flush()


async def run_transaction(
    group: Group, work: Callable[[Transaction], Awaitable[T]], access: Access, base: str | None, note: Note
) -> T | FhirError:
    """Do the work as one commit of the group; the error that it raises keeps it out and leaves the others alone. Raises
    StoreUnavailable, TookTooLong: where the database refuses a statement it may have taken back all of the group."""
    await group.flush()
    transaction = Transaction(group, access, base, note)
    try:
        return await work(transaction)
    except (StoreUnavailable, TookTooLong):
        raise
    except FhirError as error:
        await transaction.undo()
        return error
