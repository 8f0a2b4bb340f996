"""The async engine of a database URL, set up for durable commits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

_POOLER = "pooler"
DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")
PRAGMAS = (
    "busy_timeout=20000",  # first: whatever follows may have to wait for another process
    "synchronous=FULL",  # a commit that was answered is on the disk
    "wal_autocheckpoint=32000",  # 128 MB, which no log grows to while `sqlite_checkpoints.py` can do its work
    "cache_size=-16000",
    "mmap_size=268435456",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)
POOLED = "pooled"
"""Execution option of an engine whose connections may be to another server after each transaction."""
SERVER_SETTINGS = {
    "application_name": "fhir-service",
    "timezone": "UTC",
    "jit": "off",
    "synchronous_commit": "on",
    "statement_timeout": "60000",
    "lock_timeout": "20000",
    "idle_in_transaction_session_timeout": "60000",
}


class UnusableDatabaseUrl(ValueError):
    """The setting names no database this service can use; the message says what it wants."""


def open_engine(database_url: str) -> AsyncEngine:
    """An engine without a pool of its own: `connections.py` keeps the connections. Raises UnusableDatabaseUrl."""
    url = checked_url(database_url)
    if url.get_backend_name() == "sqlite":
        _make_folder(url)
        engine = create_async_engine(url, poolclass=NullPool, connect_args={"isolation_level": None})
        event.listen(engine.sync_engine, "connect", _set_pragmas)
        return engine
    pooler = url.query.get(_POOLER)
    url = url.difference_update_query([_POOLER])
    if pooler is None:
        settings = {"server_settings": SERVER_SETTINGS, "timeout": 10}
        return create_async_engine(url, poolclass=NullPool, connect_args=settings)
    unnamed: dict[str, Any] = {"timeout": 10, "statement_cache_size": 0, "prepared_statement_cache_size": 0}
    unnamed["prepared_statement_name_func"] = lambda: (
        f"fhir-service-{uuid4()}"
    )  # for migrations, by SQLAlchemy's adapter
    return create_async_engine(url, poolclass=NullPool, connect_args=unnamed, execution_options={POOLED: True})


def checked_url(database_url: str) -> URL:
    """The parts of a database URL. Raises UnusableDatabaseUrl."""
    try:
        url = make_url(database_url)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in DRIVERS:
        raise UnusableDatabaseUrl("the database URL begins with sqlite+aiosqlite:/// or postgresql+asyncpg://")
    if url.drivername == DRIVERS[0] and url.database in (None, "", ":memory:"):
        raise UnusableDatabaseUrl("the database URL names no file: sqlite+aiosqlite:///folder/file.db")
    if url.query.get(_POOLER) not in (None, "transaction"):
        raise UnusableDatabaseUrl(f"the database URL says ?{_POOLER}=transaction, or nothing of a pooler")
    return url


def try_opening(database_url: str) -> None:
    """Open and close a SQLite file, so that one that cannot be opened is told before any thread waits for it.

    Raises sqlite3.Error.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(url.database or "", timeout=20)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()


def _make_folder(url: URL) -> None:
    try:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableDatabaseUrl(f"the folder of {url.database} cannot be made: {error.strerror}") from error


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
