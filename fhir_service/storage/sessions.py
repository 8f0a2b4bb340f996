"""One way to run SQL on both drivers.

Statements are written with numbered parameters, `$1`; SQLite reads `?1`. The drivers are used directly, since a result
object of SQLAlchemy's costs more than most of the statements here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.storage.engines import POOLED, PRAGMAS, SERVER_SETTINGS
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.pooled_session import PooledSession
from fhir_service.storage.postgresql_session import Asyncpg, PostgresqlSession
from fhir_service.storage.rows_and_steps import Row, Step
from fhir_service.storage.sqlite_session import SqliteSession

__all__ = ["Row", "Session", "Step", "connect"]


class Session(Protocol):
    """A connection to the database."""

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        """Run one statement and return its rows. Raises StoreUnavailable."""

    async def fetch_much(self, statement: str, *values: Any) -> Sequence[Row]:
        """The same for what is known to take long; it holds up nobody. Raises StoreUnavailable."""

    def at_once(self, statement: str, values: Sequence[Any]) -> Sequence[Row] | None:
        """The rows of a statement, None where somebody would have to wait for them. Raises what the driver does."""

    async def run_all(self, steps: Sequence[Step]) -> None:
        """Run each statement for each of its rows of values. Raises StoreUnavailable."""

    async def copy_in(self, table: str, columns: Sequence[str], lines: bytes, *, delimiter: str, quote: str) -> None:
        """Add lines of CSV to a table, by COPY: on PostgreSQL only. Raises StoreUnavailable."""

    async def limit(self, seconds: float) -> None:
        """Let no statement take longer from now on; one that does raises TookTooLong."""

    async def close(self) -> None: ...

    keeps_plans: bool
    """Whether a statement that is asked again need not be planned again."""

    @property
    def usable(self) -> bool:
        """Whether the connection still stands."""


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
    if engine.get_execution_options().get(POOLED):
        return PooledSession(connection, cast(Asyncpg, driver), SERVER_SETTINGS)
    return PostgresqlSession(connection, cast(Asyncpg, driver))
