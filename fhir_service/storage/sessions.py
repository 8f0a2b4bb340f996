"""One way to run SQL on both drivers.

Statements are written with numbered parameters, `$1`; SQLite reads `?1`. The drivers are used directly, below
SQLAlchemy's result objects, since those cost more than most of the statements here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fhir_service.storage.failures import unavailable_told

Row = Sequence[Any]
_PARAMETER = re.compile(r"\$(\d+)")


class Session(Protocol):
    """A connection to the database."""

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        """Run one statement and return its rows. Raises StoreUnavailable."""

    async def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row of values. Raises StoreUnavailable."""

    async def close(self) -> None: ...

    @property
    def usable(self) -> bool:
        """Whether the connection still stands."""


class SqliteSession:
    """A connection and the thread it runs in."""

    def __init__(self, connection: AsyncConnection, driver: aiosqlite.Connection) -> None:
        self._connection = connection
        self._driver = driver
        self.usable = True

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        with unavailable_told():
            return list(await self._driver.execute_fetchall(_numbered(statement), values))

    async def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        with unavailable_told():
            await self._driver.executemany(_numbered(statement), rows)

    async def close(self) -> None:
        self.usable = False
        await self._connection.close()


@lru_cache(maxsize=512)
def _numbered(statement: str) -> str:
    return _PARAMETER.sub(r"?\1", statement)


class _Asyncpg(Protocol):
    """What is used of asyncpg's Connection, which has no types of its own."""

    def is_closed(self) -> bool: ...
    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]: ...
    async def executemany(self, statement: str, rows: Sequence[Row]) -> None: ...


class PostgresqlSession:
    """A connection over the network."""

    def __init__(self, connection: AsyncConnection, driver: _Asyncpg) -> None:
        self._connection = connection
        self._driver = driver

    @property
    def usable(self) -> bool:
        return not self._driver.is_closed()

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        with unavailable_told():
            return await self._driver.fetch(statement, *values)

    async def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        with unavailable_told():
            await self._driver.executemany(statement, rows)

    async def close(self) -> None:
        if self.usable:
            await self._connection.close()
        else:
            await self._connection.invalidate()


async def connect(engine: AsyncEngine, *setup: str) -> Session:
    """A new connection, after running `setup` on it. Raises StoreUnavailable."""
    with unavailable_told():
        connection = await engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
    session: Session
    if isinstance(driver, aiosqlite.Connection):
        session = SqliteSession(connection, driver)
    else:
        session = PostgresqlSession(connection, cast(_Asyncpg, driver))
    for statement in setup:
        await session.fetch(statement)
    return session
