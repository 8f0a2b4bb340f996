"""A connection to PostgreSQL, by asyncpg itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Protocol

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy.ext.asyncio import AsyncConnection

from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.rows_and_steps import Row, Step

_NO_NULL = r"\N"
"""Nothing that is copied is null; an empty text, which would be, is quoted."""


class Asyncpg(Protocol):
    """What is used of asyncpg's Connection, which has no types of its own."""

    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...
    async def execute(self, statements: str) -> str: ...
    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]: ...
    async def executemany(self, statement: str, rows: Sequence[Row]) -> None: ...
    async def copy_to_table(self, table: str, **options: Any) -> str: ...


class PostgresqlSession:
    """A connection over the network."""

    keeps_plans = True

    def __init__(self, connection: AsyncConnection, driver: Asyncpg) -> None:
        self._connection = connection
        self._driver = driver

    @property
    def usable(self) -> bool:
        return not self._driver.is_closed()

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        with unavailable_told(), self._ended_if_broken():
            return await self._driver.fetch(statement, *values)

    async def fetch_much(self, statement: str, *values: Any) -> Sequence[Row]:
        return await self.fetch(statement, *values)

    def at_once(self, statement: str, values: Sequence[Any]) -> Sequence[Row] | None:  # noqa: ARG002  # a Session is given them; a network is always waited for
        return None

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
