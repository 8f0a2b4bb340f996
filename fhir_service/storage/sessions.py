"""One way to run SQL on both drivers.

Statements are written with numbered parameters, `$1`; SQLite reads `?1`. The drivers are used directly, since a result
object of SQLAlchemy's costs more than most of the statements here; on SQLite several statements are one trip to the
thread of the connection.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from io import BytesIO
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from urllib.parse import quote

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.engines import PRAGMAS
from fhir_service.storage.failures import unavailable_told

P = ParamSpec("P")
T = TypeVar("T")
Row = Sequence[Any]
Step = tuple[str, Sequence[Row]]
"""A statement and the rows of values it is run with."""
_STEPS_BETWEEN_LOOKS = 100_000
"""Steps of SQLite's machine, some milliseconds of them, after which somebody looks at the clock."""
_NO_NULL = r"\N"
"""Nothing that is copied is null; an empty text, which would be, is quoted."""
_SECONDS_BETWEEN_LOOKS = 1.0
"""Between two looks whether the file of a connection is still there."""
_PARAMETER = re.compile(r"\$(\d+)")


class Session(Protocol):
    """A connection to the database."""

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        """Run one statement and return its rows. Raises StoreUnavailable."""

    async def run_all(self, steps: Sequence[Step]) -> None:
        """Run each statement for each of its rows of values. Raises StoreUnavailable."""

    async def copy_in(self, table: str, columns: Sequence[str], lines: bytes, *, delimiter: str, quote: str) -> None:
        """Add lines of CSV to a table, by COPY: on PostgreSQL only. Raises StoreUnavailable."""

    async def limit(self, seconds: float) -> None:
        """Let no statement take longer from now on; one that does raises TookTooLong."""

    async def close(self) -> None: ...

    @property
    def usable(self) -> bool:
        """Whether the connection still stands."""


class SqliteSession:
    """A connection in a thread of its own, which runs one thing after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None
        self._seconds = math.inf
        self._deadline = math.inf
        self._file = ""
        self._identity: tuple[int, int] | None = None
        self._looked = 0.0

    @property
    def usable(self) -> bool:
        """Not where the file was taken away or replaced: what is written to the old one would be gone with it."""
        now = time.monotonic()
        if self._connection is None or now < self._looked + _SECONDS_BETWEEN_LOOKS:
            return self._connection is not None
        self._looked = now
        return _identity(self._file) == self._identity

    async def open(self, file: str, pragmas: Sequence[str]) -> None:
        """A file that is there. Raises StoreUnavailable."""
        await self._run(self._open, file, pragmas)

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        return await self._run(self._fetch, _numbered(statement), values)

    async def run_all(self, steps: Sequence[Step]) -> None:
        await self._run(self._run_all, [(_numbered(statement), rows) for statement, rows in steps])

    async def copy_in(self, table: str, columns: Sequence[str], lines: bytes, *, delimiter: str, quote: str) -> None:
        raise NotImplementedError("SQLite has no COPY")

    async def limit(self, seconds: float) -> None:
        self._seconds = seconds
        await self._run(self._watch)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._run(connection.close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        with unavailable_told():
            return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *arguments, **named))

    def _open(self, file: str, pragmas: Sequence[str]) -> None:
        address = f"file:{quote(file)}?mode=rw"
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._file, self._identity, self._looked = file, _identity(file), time.monotonic()
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        self._connection = connection

    def _watch(self) -> None:
        self._driver.set_progress_handler(lambda: time.monotonic() > self._deadline, _STEPS_BETWEEN_LOOKS)

    def _fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Row]:
        self._deadline = time.monotonic() + self._seconds
        return self._driver.execute(statement, values).fetchall()

    def _run_all(self, steps: Sequence[Step]) -> None:
        for statement, rows in steps:
            self._driver.executemany(statement, rows)

    @property
    def _driver(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable("the database is closed")
        return self._connection


def _identity(file: str) -> tuple[int, int] | None:
    """What tells a file from another of its name; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


@lru_cache(maxsize=512)
def _numbered(statement: str) -> str:
    return _PARAMETER.sub(r"?\1", statement)


class _Asyncpg(Protocol):
    """What is used of asyncpg's Connection, which has no types of its own."""

    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...
    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]: ...
    async def executemany(self, statement: str, rows: Sequence[Row]) -> None: ...
    async def copy_to_table(self, table: str, **options: Any) -> str: ...


class PostgresqlSession:
    """A connection over the network."""

    def __init__(self, connection: AsyncConnection, driver: _Asyncpg) -> None:
        self._connection = connection
        self._driver = driver

    @property
    def usable(self) -> bool:
        return not self._driver.is_closed()

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        with unavailable_told(), self._ended_if_broken():
            return await self._driver.fetch(statement, *values)

    async def run_all(self, steps: Sequence[Step]) -> None:
        with unavailable_told(), self._ended_if_broken():
            for statement, rows in steps:
                await self._driver.executemany(statement, rows)

    async def copy_in(self, table: str, columns: Sequence[str], lines: bytes, *, delimiter: str, quote: str) -> None:
        form: dict[str, Any] = {"format": "csv", "delimiter": delimiter, "quote": quote, "null": _NO_NULL}
        with unavailable_told():
            await self._driver.copy_to_table(table, source=BytesIO(lines), columns=columns, **form)

    @contextmanager
    def _ended_if_broken(self) -> Iterator[None]:
        """A connection whose driver has lost count of what was asked and answered is of no use to anybody."""
        try:
            yield
        except asyncpg.InternalClientError:
            self._driver.terminate()
            raise

    async def limit(self, seconds: float) -> None:
        await self.fetch(f"SET statement_timeout = {round(seconds * 1000)}")

    async def close(self) -> None:
        if self.usable:
            await self._connection.close()
        elif not self._connection.closed:
            await self._connection.invalidate()


async def connect(engine: AsyncEngine, *setup: str, seconds: float | None = None) -> Session:
    """A new connection to the database of the engine, after running `setup` on it. A statement may take `seconds`.

    Raises StoreUnavailable.
    """
    session = await _open(engine)
    if seconds is not None:
        await session.limit(seconds)
    for statement in setup:
        await session.fetch(statement)
    return session


async def _open(engine: AsyncEngine) -> Session:
    if engine.dialect.name == "sqlite":
        session = SqliteSession()
        await session.open(engine.url.database or "", PRAGMAS)
        return session
    with unavailable_told():
        connection = await engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
    return PostgresqlSession(connection, cast(_Asyncpg, driver))
