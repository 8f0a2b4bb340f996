"""One way to run SQL on both drivers.

Statements are written with numbered parameters, `$1`; SQLite reads `?1`. The drivers are used directly, since a result
object of SQLAlchemy's costs more than most of the statements here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Protocol, cast

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fhir_service.storage.engines import PRAGMAS
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.rows_and_steps import Row, Step
from fhir_service.storage.sqlite_session import SqliteSession

__all__ = ["Row", "Session", "Step", "connect"]

_NO_NULL = r"\N"
"""Nothing that is copied is null; an empty text, which would be, is quoted."""


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
    try:
        if seconds is not None:
            await session.limit(seconds)
        for statement in setup:
            await session.fetch(statement)
    except BaseException:
        await session.close()
        raise
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
