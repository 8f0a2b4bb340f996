"""The books about loaded reports, as they are read; they are written with the commits of the reports."""

from __future__ import annotations

from fhir_service.storage import statements
from fhir_service.storage.changes import Key, ReportRecord, ReportState
from fhir_service.storage.sessions import Session


async def report_record(session: Session, source_key: str) -> ReportRecord | None:
    """What is remembered of a report; None where it never was loaded, or was forgotten."""
    reports = await session.fetch(statements.REPORT, source_key)
    if not reports:
        return None
    rows = await session.fetch(statements.REPORT_RESOURCES, source_key)
    made = tuple((kind, resource_id) for kind, resource_id, present, _ in rows if present)
    return ReportRecord(source_key, reports[0][0], made, tuple((row[0], row[1]) for row in rows))


async def report_state(session: Session, source_key: str) -> ReportState | None:
    """A report that is loaded now, None where it is not."""
    reports = await session.fetch(statements.REPORT_STATE, source_key)
    if not reports:
        return None
    fingerprint, reading = reports[0]
    rows = await session.fetch(statements.REPORT_RESOURCES, source_key)
    made: dict[Key, int | None] = {(kind, name): version for kind, name, present, version in rows if present}
    return ReportState(source_key, fingerprint, None if reading is None else reading.encode(), made)


async def loaded_sources(session: Session, after: str, limit: int) -> list[str]:
    """The next sources of loaded reports behind one, in the order of the database."""
    return [row[0] for row in await session.fetch(statements.LOADED_SOURCES, after, limit)]
