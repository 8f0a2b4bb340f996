"""A copy of a SQLite store while it is in use: one state of it, in one file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from fhir_service.storage.engines import checked_url
from fhir_service.storage.failures import unavailable_told


class NoBackup(ValueError):
    """The copy cannot be made so; the message says why, and what to do."""


def back_up(database_url: str, file: Path) -> int:
    """Copy the store as it is now to a new file; returns its size in bytes.

    Others read and write meanwhile. The file is there when it is whole and on the disk, never before. Raises NoBackup,
    UnusableDatabaseUrl, StoreUnavailable.
    """
    url = checked_url(database_url)
    if url.get_backend_name() != "sqlite":
        raise NoBackup("PostgreSQL has its own tools for that: pg_dump, or a base backup (docs/howto/backup.md)")
    source = Path(url.database or "")
    if not source.is_file():
        raise NoBackup(f"there is no file {source}")
    if file.exists():
        raise NoBackup(f"{file} is there already; a backup is a new file")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with unavailable_told():
        try:
            _copy(source, part)
            os.replace(part, file)
            _reach_disk(file.parent)
        finally:
            part.unlink(missing_ok=True)
    return file.stat().st_size


def _copy(source: Path, target: Path) -> None:
    """In one step, within one read transaction: in several, each write of others would begin it anew. Raises
    sqlite3.Error."""
    with (
        closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True, timeout=20)) as store,
        closing(sqlite3.connect(target, timeout=20)) as copy,
    ):
        copy.execute("PRAGMA synchronous=FULL")
        store.backup(copy)


def _reach_disk(folder: Path) -> None:
    """The name of a new file is in its folder, which has to reach the disk too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
