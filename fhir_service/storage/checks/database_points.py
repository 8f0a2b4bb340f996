"""How a database is, without changing it: reachable, migrated, writable, durable, in time, indexed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.fhir.json_text import instant
from fhir_service.storage import statements
from fhir_service.storage.checks.point import Point
from fhir_service.storage.engines import UnusableDatabaseUrl, checked_url, open_engine
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.migrate import revision_of
from fhir_service.storage.migrations import LATEST
from fhir_service.storage.reindex import fingerprint, index_state
from fhir_service.storage.sessions import Session, connect

_LITTLE, _TOO_LITTLE = 1024**3, 100 * 1024**2
"""Bytes free on a disk: to be told, and to be mended."""
_CLOCKS_APART = 5.0
"""Seconds between the clocks of two machines; leases of jobs want them close."""
_POSTGRESQL = (
    ("fsync", "on", "bad", "a crash of the machine loses or breaks what was acknowledged"),
    ("full_page_writes", "on", "bad", "a crash of the machine can break pages for good"),
    ("synchronous_commit", "on,local,remote_write,remote_apply", "bad", "a crash loses what was acknowledged"),
    ("data_checksums", "on", "doubtful", "a disk that returns wrong bytes is not noticed (initdb --data-checksums)"),
    ("autovacuum", "on", "doubtful", "dead rows are never removed, and searches slow down"),
    ("transaction_read_only", "off", "bad", "this server takes no writes; is it a replica?"),
)
"""A setting, what it may be, and what follows if it is something else."""
_WRITE = "UPDATE commit_clock SET place = place WHERE id = 1"
_CLOCK = "SELECT last_updated FROM commit_clock WHERE id = 1"


async def points_of(database_url: str) -> AsyncIterator[Point]:
    """One after the other, up to the first that makes the rest pointless."""
    try:
        missing = _missing_file(database_url)
        if missing:
            advice = "`fhir-service migrate` makes it; look at FHIR_SERVICE_DATABASE_URL if it should be there"
            yield Point("database", "bad", f"there is no file {missing}", advice)
            return
        engine = open_engine(database_url)
    except UnusableDatabaseUrl as error:
        yield Point("database", "bad", str(error), "set FHIR_SERVICE_DATABASE_URL")
        return
    try:
        session = await connect(engine)
        try:
            async for point in _points(session, engine):
                yield point
        finally:
            await session.close()
    except StoreUnavailable as error:
        reason = " ".join(getattr(error, "__notes__", ()))
        yield Point("database", "bad", f"it cannot be used: {reason}", _what_to_do(engine))
    finally:
        await engine.dispose()


async def stored_fingerprint(database_url: str, source_key: str) -> str | None:
    """That of a loaded report; None where it is not loaded. Wants a migrated database. Raises StoreUnavailable."""
    engine = open_engine(database_url)
    try:
        session = await connect(engine)
        rows = await session.fetch(statements.REPORT, source_key)
        await session.close()
    finally:
        await engine.dispose()
    return rows[0][0] if rows else None


def disk_point(name: str, folder: Path) -> Point:
    """The room on the disk of a folder, the nearest that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GiB free at {folder}"
    if free < _LITTLE:
        return Point(name, "bad" if free < _TOO_LITTLE else "doubtful", text, "make room: writes fail on a full disk")
    return Point(name, "good", text)


def _what_to_do(engine: AsyncEngine) -> str:
    """About a database that cannot be used."""
    folder = Path(engine.url.database or "").absolute().parent
    if engine.dialect.name == "sqlite" and not os.access(folder, os.W_OK):
        return f"make {folder} writable: SQLite keeps its log beside the file"
    return "start it, or look at FHIR_SERVICE_DATABASE_URL"


def _missing_file(database_url: str) -> str:
    """The name of a SQLite file that is not there, which to open would make. Raises UnusableDatabaseUrl."""
    url = checked_url(database_url)
    file = (url.database or "") if url.get_backend_name() == "sqlite" else ""
    return "" if not file or Path(file).exists() else file


async def _points(session: Session, engine: AsyncEngine) -> AsyncIterator[Point]:
    """Raises StoreUnavailable."""
    sqlite = engine.dialect.name == "sqlite"
    yield await (_sqlite_version(session) if sqlite else _postgresql_version(session))
    with unavailable_told():
        async with engine.connect() as connection:
            revision = await connection.run_sync(revision_of)
    if revision != LATEST:
        newer = revision is not None and revision > LATEST
        advice = "install the release that made it" if newer else "`fhir-service migrate`"
        yield Point("schema", "bad", f"it is {revision or 'missing'}, this release wants {LATEST}", advice)
        return
    yield Point("schema", "good", f"migrated to {LATEST}")
    if sqlite:
        file = Path(engine.url.database or "")
        yield disk_point("disk", file.parent)
        yield await _journal(session)
        if not os.access(file.parent, os.W_OK):
            yield Point("folder", "bad", f"{file.parent} cannot be written", "SQLite keeps its log beside the file")
    else:
        for setting in _POSTGRESQL:
            yield await _setting(session, *setting)
        yield await _distance(session)
    yield await _writable(session)
    yield await _clock(session)
    yield await _index(session)


async def _sqlite_version(session: Session) -> Point:
    ((version,),) = await session.fetch("SELECT sqlite_version()")
    return Point("database", "good", f"SQLite {version}")


async def _postgresql_version(session: Session) -> Point:
    ((version, most, used),) = await session.fetch(
        "SELECT current_setting('server_version'), current_setting('max_connections')::int, "
        "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
    )
    text = f"PostgreSQL {version}, {used} of {most} connections in use"
    tight = used > 0.8 * most
    return Point("database", "doubtful" if tight else "good", text, "raise max_connections" if tight else "")


async def _journal(session: Session) -> Point:
    ((mode,),) = await session.fetch("PRAGMA journal_mode")
    ((level,),) = await session.fetch("PRAGMA synchronous")
    if (mode, level) == ("wal", 2):
        return Point("durability", "good", "journal_mode=wal, synchronous=full")
    advice = "`fhir-service migrate` sets it; a file on a network share cannot have it, and should not be there"
    return Point("durability", "bad", f"journal_mode={mode}, synchronous={level}; wanted are wal and 2 (full)", advice)


async def _setting(session: Session, name: str, wanted: str, state: str, consequence: str) -> Point:
    ((value,),) = await session.fetch("SELECT current_setting($1)", name)
    if value in wanted.split(","):
        return Point(name, "good", value)
    return Point(name, "doubtful" if state == "doubtful" else "bad", f"{value}: {consequence}", f"set it to on: {name}")


async def _distance(session: Session) -> Point:
    ((there,),) = await session.fetch("SELECT extract(epoch FROM clock_timestamp())::float8")
    apart = abs(there - time.time())
    text = f"{apart:.1f} s apart from that of the database"
    if apart > _CLOCKS_APART:
        return Point("clock", "bad", text, "set both by NTP: leases of jobs go by them")
    return Point("clock", "good", text)


async def _writable(session: Session) -> Point:
    """What changes nothing is written all the same, and has to reach the disk."""
    try:
        await session.fetch(_WRITE)
    except StoreUnavailable as error:
        reason = " ".join(getattr(error, "__notes__", ()))
        return Point("writing", "bad", f"nothing can be written: {reason}", "look at the disk and at its permissions")
    return Point("writing", "good", "a write reaches the disk")


async def _clock(session: Session) -> Point:
    rows = await session.fetch(_CLOCK)
    if not rows:
        return Point("order", "bad", "there is no clock of commits", "restore a backup (docs/howto/backup.md)")
    ahead = rows[0][0] / 1000 - time.time()
    if ahead > _CLOCKS_APART:
        text = f"the last commit is of {instant(rows[0][0])}, {ahead:.0f} s from now: was the clock set back?"
        return Point("order", "doubtful", text, "set the clock by NTP; until then all versions are of that moment")
    return Point("order", "good", "no commit is of the future")


async def _index(session: Session) -> Point:
    state = await index_state(session)
    if not state.complete or state.fingerprint != fingerprint():
        why = "search parameters have changed" if state.complete else "a run was broken off"
        return Point("search index", "doubtful", f"{why}; searches may miss resources", "`fhir-service reindex`")
    return Point("search index", "good", "of these search parameters")
