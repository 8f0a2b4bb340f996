"""The store as the rest of the service sees it: resources in, resources out, one transaction at a time.

Every call takes an Access. What the caller may not read is simply not there; what it may not write is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import TypeVar

from fhir_service.fhir.access import Access, Letter
from fhir_service.fhir.errors import FhirError, Gone, NotFound
from fhir_service.search.history_query import HistoryQuery
from fhir_service.search.query import Query
from fhir_service.storage import statements
from fhir_service.storage.access_records import AccessRecords
from fhir_service.storage.admission import admitted, admitted_versions
from fhir_service.storage.asked_again import asked_again
from fhir_service.storage.bulk_load import MadeReady, MakeBlock, check_load, load_batch
from fhir_service.storage.changes import (
    Change,
    Create,
    Delete,
    HistoryPage,
    Key,
    Outcome,
    Page,
    Placed,
    Seen,
    Stored,
    Update,
    Version,
)
from fhir_service.storage.clients import Clients
from fhir_service.storage.database import SEARCH_SECONDS, Database
from fhir_service.storage.everything import everything
from fhir_service.storage.exports import Exports
from fhir_service.storage.group_commit import Commit, Group, ReportEntry
from fhir_service.storage.health import Health
from fhir_service.storage.history import history_page, history_total
from fhir_service.storage.jobs import Jobs
from fhir_service.storage.looks import Looks, there
from fhir_service.storage.opening import open_database
from fhir_service.storage.preparation import Prepared, is_id, may_write, prepare
from fhir_service.storage.reindex import SearchIndex
from fhir_service.storage.replica import ReplicaAt
from fhir_service.storage.report_books import ReportBooks
from fhir_service.storage.rows import stored
from fhir_service.storage.search_loans import SearchLoans
from fhir_service.storage.searching import number_of, page_of
from fhir_service.storage.transaction import Transaction, run_transaction
from fhir_service.storage.writer import Writer

__all__ = [
    "Change",
    "Create",
    "Delete",
    "HistoryPage",
    "Key",
    "Outcome",
    "Page",
    "Placed",
    "Prepared",
    "ReplicaAt",
    "ReportEntry",
    "Repository",
    "Seen",
    "Stored",
    "Transaction",
    "Update",
    "Version",
    "open_repository",
]
T = TypeVar("T")


async def open_repository(
    database_url: str,
    *,
    base: str | None = None,
    seconds: float = SEARCH_SECONDS,
    connections: int = 0,
    replica: ReplicaAt | None = None,
) -> Repository:
    """Open a store, bring its schema up to date and index what an older release has stored. `base` is the address under
    which an absolute reference means a resource of this store; a statement that reads may take some `seconds`, on one
    of so many `connections` of a kind (0: as many as suit the database).

    Raises UnusableDatabaseUrl, NewerDatabase, StoreUnavailable.
    """
    repository = Repository(await open_database(database_url, seconds, connections, replica), base)
    try:
        await repository.index.finish()
    except BaseException:
        await repository.close()
        raise
    return repository


class Repository:
    """One store: its resources here, the rest by what it is about. Belongs to the event loop it was opened in; `close`
    writes what waits."""

    def __init__(self, database: Database, base: str | None = None) -> None:
        self._database = database
        self._base = base
        self._writer = Writer(database)
        self._writer.start()
        self.health = Health(database, self._writer)
        self.jobs = Jobs(database, self._writer)
        self.clients = Clients(database, self._writer)
        self.accesses = AccessRecords(database, self._writer)
        self.reports = ReportBooks(database, self._writer)
        self.looks = Looks(database)
        self._loan_for = SearchLoans(database).loan_for
        self._seen: Seen | None = None

    @property
    def shared(self) -> bool:
        """Whether any number of processes work with the database; a file is one service's."""
        return self._database.engine.dialect.name != "sqlite"

    @property
    def exports(self) -> Exports:
        """Its resources as they were when an export began."""
        return Exports(self._database, self._base)

    @property
    def index(self) -> SearchIndex:
        """What its resources are found by."""
        return SearchIndex(self._database, self._writer, self._base)

    def under(self, base: str) -> Repository:
        """The same store for a client that knows this server by that address: what it writes refers to resources here
        where an absolute reference begins with it (REF-1)."""
        if base == self._base:
            return self
        other = self._copy()
        other._base = base
        return other

    def noting(self, seen: Seen | None) -> Repository:
        """The same store, noting in `seen` what it gives and writes."""
        if seen is self._seen:
            return self
        other = self._copy()
        other._seen = seen
        return other

    def _copy(self) -> Repository:
        """One for each request: `copy.copy` takes ten times as long."""
        other = object.__new__(Repository)
        other.__dict__.update(self.__dict__)
        return other

    async def close(self) -> None:
        await self._writer.stop()
        await self._database.close()

    async def read(self, resource_type: str, resource_id: str, access: Access, *letters: Letter) -> Stored:
        """The newest version, to do with it what the letters say; to read it, where none is named. Raises NotFound,
        Gone."""
        found = await self._fetch(access, statements.READ, resource_type, resource_id, letters=letters or ("r",))
        return there(found)

    async def vread(self, resource_type: str, resource_id: str, version: int, access: Access) -> Stored:
        """One version. Raises NotFound, and Gone where that version is the deletion."""
        found = await self._fetch(access, statements.READ_VERSION, resource_type, resource_id, version)
        if found.deleted:
            raise Gone(f"version {version} of {resource_type}/{resource_id} is its deletion")
        return found

    @asked_again
    async def newest(self, keys: Sequence[Key], access: Access) -> dict[Key, Stored]:
        """The newest versions of those that there are or were, deletions too."""
        wanted = [key for key in keys if access.may("r", key[0]) and is_id(key[1])]
        dialect = self._database.dialect
        async with self._database.showing() as session:
            rows = await session.fetch(statements.READ_MANY.format(keys=dialect.keys), *dialect.key_values(wanted))
        found = [stored(row) for row in await admitted(rows, access, "r")]
        self._note(found)
        return {(one.type, one.id): one for one in found}

    @asked_again
    async def search(self, query: Query, access: Access, place: int | None = None) -> Page:
        """The next matches in the order of the query, which ends with that of their first commits. Rows that others
        add or change meanwhile neither move nor repeat those that were there. With a `place` in the order of commits
        nothing is missing that was committed before it.

        Raises InvalidParameter for a search too deep to be run, TookTooLong for one that takes too long.
        """
        async with (await self._loan_for(query))(place) as session:
            page = await page_of(session, self._database.dialect, query, access)
        self._note(page.matches)
        self._note(page.included)
        return page

    @asked_again
    async def count(self, query: Query, access: Access) -> int:
        """How many matches there are on all pages; about how many, where the query asks for an estimate."""
        async with self._database.searching() as session:
            return await number_of(session, self._database.dialect, query, access)

    @asked_again
    async def everything(self, patient_id: str, access: Access) -> list[Placed]:
        """The patient, its compartment, what those refer to, and the Provenance of all of it, in the order of their
        keys but the patient first. Raises NotFound, Gone."""
        found: list[Placed] = []
        if access.may("r", "Patient") and is_id(patient_id):
            async with self._database.snapshot_by_key() as session:
                found = await everything(session, self._database.dialect, patient_id, access)
        found = found or [Placed(0, await self.read("Patient", patient_id, access))]
        self._note(one.stored for one in found)
        return found

    @asked_again
    async def history(
        self, query: HistoryQuery, access: Access, *, types: Collection[str] = (), key: Key | None = None
    ) -> HistoryPage:
        """The past of one resource, or of all resources of some types, newest first. A page stays as it is while others
        write. Raises NotFound where the one resource never was.
        """
        wanted = sorted(kind for kind in types if access.may("s", kind))
        if key is not None and not (access.may("r", key[0]) and is_id(key[1])):
            raise NotFound(f"there is no {'/'.join(key)[:80]}")
        async with self._database.searching() if key is None else self._database.showing() as session:
            if key is not None:
                newest = await session.fetch(statements.READ, *key)
                if not await admitted_versions(session, self._database.dialect, newest, access, "r"):
                    raise NotFound(f"there is no {'/'.join(key)[:80]}, and never was")
            page = await history_page(session, self._database.dialect, query, wanted, key=key, access=access)
        self._note(version.stored for version in page.versions)
        return page

    @asked_again
    async def history_total(
        self, query: HistoryQuery, access: Access, *, types: Collection[str] = (), key: Key | None = None
    ) -> int:
        """How many versions all pages of `history` have together. Raises TooCostly where only some of many resources
        may be seen."""
        wanted = sorted(kind for kind in types if access.may("s", kind))
        async with self._database.searching() as session:
            return await history_total(session, self._database.dialect, query, wanted, key=key, access=access)

    async def types_stored(self) -> list[str]:
        """The types of which there are resources, or were."""
        async with self._database.reading() as session:
            return [row[0] for row in await session.fetch(statements.TYPES)]

    async def commit(
        self, changes: Sequence[Change], access: Access, report: ReportEntry | None = None
    ) -> list[Outcome]:
        """All changes or none, durable when this returns; one outcome a change, in their order. The entry about
        a report that makes them is written with them.

        Raises MalformedContent, InvalidParameter, Forbidden, EditConflict, PreconditionFailed, StoreUnavailable.
        """
        done: list[Outcome] = await self._writer.commit(Commit(await prepare(changes, self._base, access), report))
        self._note(done)
        return done

    def prepare(self, changes: Sequence[Change], access: Access) -> Awaitable[tuple[Prepared, ...]]:
        """Changes made ready to be written, which a transaction then writes without delay.

        Raises MalformedContent, InvalidParameter, Forbidden.
        """
        return prepare(changes, self._base, access)

    async def transact(self, work: Callable[[Transaction], Awaitable[T]], access: Access) -> T:
        """Do work that finds, decides and writes as one commit, beside which nobody else writes; durable when this
        returns. An error it raises undoes it. It holds up every other writer, so it waits for nothing but the
        transaction, and it may be run more than once.

        Raises what the work does, and StoreUnavailable.
        """
        noted: list[Stored | Outcome] = []

        async def run(group: Group) -> T | FhirError:
            noted.clear()  # an earlier run was undone
            return await run_transaction(group, work, access, self._base, noted.extend)

        try:
            done: T = await self._writer.commit(Commit(work=run))
        except FhirError:
            self._note(one for one in noted if isinstance(one, Stored))  # it was read, and nothing was written
            raise
        self._note(noted)
        return done

    @property
    def make_block(self) -> MakeBlock:
        """Makes blocks of fresh resources for this database; it can go to another process."""
        return self._database.dialect.loader.block

    async def load(self, ready: MadeReady, access: Access) -> list[Outcome]:
        """Many resources under the ids they have, in one durable commit; one outcome each, in their order. The same
        again changes nothing. Other writers wait meanwhile, so a batch has some thousands at most.

        Raises Forbidden, ComesWithService, StoreUnavailable.
        """
        check_load(ready.batch, access)
        done: list[Outcome] = await self._writer.commit(
            Commit(work=partial(load_batch, ready=ready, base=self._base), alone=True)
        )
        self._note(done)
        return done

    async def erase(self, keys: Sequence[Key], access: Access) -> None:
        """Remove every version of these resources for good. Raises Forbidden, StoreUnavailable."""
        may_write({("d", kind) for kind, _ in keys}, access)
        await self._writer.commit(Commit(erase=tuple(keys)))

    @asked_again
    async def _fetch(
        self,
        access: Access,
        statement: str,
        kind: str,
        resource_id: str,
        *more: int,
        letters: tuple[Letter, ...] = ("r",),
    ) -> Stored:
        if all(access.may(letter, kind) for letter in letters) and is_id(resource_id):
            async with self._database.showing() as session:
                rows = await session.fetch(statement, kind, resource_id, *more)
                for letter in letters if access.grants is not None else ():
                    rows = await admitted_versions(session, self._database.dialect, rows, access, letter)
            if rows:
                found = stored(rows[0])
                self._note((found,))
                return found
        raise NotFound(f"there is no {kind}/{resource_id[:80]}{' in version ' + str(more[0]) if more else ''}")

    def _note(self, found: Iterable[Stored | Outcome]) -> None:
        if self._seen is not None:
            self._seen.add(found)
