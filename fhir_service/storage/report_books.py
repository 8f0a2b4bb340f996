"""The books about loaded reports: they are written with the commits of the reports, and read and erased here."""

from __future__ import annotations

from fhir_service.fhir.access import Access
from fhir_service.storage import statements
from fhir_service.storage.changes import Key, ReportRecord, ReportState
from fhir_service.storage.database import Database
from fhir_service.storage.group_commit import Commit, ReportEntry
from fhir_service.storage.preparation import may_write
from fhir_service.storage.writer import Writer


class ReportBooks:
    """Which report made what. All raise StoreUnavailable."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def record(self, source_key: str) -> ReportRecord | None:
        """What is remembered of a report; None where it never was loaded, or was forgotten."""
        async with self._database.reading() as session:
            reports = await session.fetch(statements.REPORT, source_key)
            rows = await session.fetch(statements.REPORT_RESOURCES, source_key) if reports else ()
        if not reports:
            return None
        made = tuple((kind, resource_id) for kind, resource_id, present, _ in rows if present)
        return ReportRecord(source_key, reports[0][0], made, tuple((row[0], row[1]) for row in rows))

    async def state(self, source_key: str) -> ReportState | None:
        """A report that is loaded now, to be mapped anew; None where it is not."""
        async with self._database.reading() as session:
            reports = await session.fetch(statements.REPORT_STATE, source_key)
            rows = await session.fetch(statements.REPORT_RESOURCES, source_key) if reports else ()
        if not reports:
            return None
        fingerprint, reading = reports[0]
        made: dict[Key, int | None] = {(kind, name): version for kind, name, present, version in rows if present}
        return ReportState(source_key, fingerprint, None if reading is None else reading.encode(), made)

    async def resources_of(self, source_key: str, *, ever: bool = False) -> tuple[Key, ...]:
        """What the report makes now; with `ever` also what it made before and of which versions are stored."""
        record = await self.record(source_key)
        if record is None:
            return ()
        return record.stored if ever else record.made

    async def sources_of(self, fingerprint: str) -> tuple[str, ...]:
        """The sources under which a report with that text is loaded now."""
        async with self._database.reading() as session:
            return tuple(row[0] for row in await session.fetch(statements.SOURCES_OF, fingerprint))

    async def sources(self, after: str = "", *, limit: int = 200) -> list[str]:
        """The next sources of loaded reports behind `after`, in the order of the database; none on the last page."""
        async with self._database.reading() as session:
            return [row[0] for row in await session.fetch(statements.LOADED_SOURCES, after, limit)]

    async def erase(self, source_key: str, access: Access) -> tuple[Key, ...]:
        """Remove every version of all that the report ever made, and the memory of it, for good. Returns what that was.

        Raises Forbidden.
        """
        keys = await self.resources_of(source_key, ever=True)
        may_write({("d", kind) for kind, _ in keys}, access)
        await self._writer.commit(Commit(report=ReportEntry(source_key, forget=True), erase=keys))
        return keys
