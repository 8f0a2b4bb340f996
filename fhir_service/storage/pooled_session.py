"""A connection through a pooler that may give each transaction another server, as pgbouncer does in transaction mode.

Nothing is left on a server for later: each statement is in a transaction, which begins with the settings it wants, and
statements have no names (the engine switches the caches of both drivers off).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.postgresql_session import PostgresqlSession
from fhir_service.storage.rows_and_steps import Row, Step

_BEGINS, _COMMITS, _UNDOES, _SETS = "BEGIN", "COMMIT", "ROLLBACK", "SET "


class PooledSession(PostgresqlSession):
    """`settings` are those that a connection of its own would have from its start."""

    keeps_plans = False

    def __init__(self, connection: Any, driver: Any, settings: dict[str, str]) -> None:
        super().__init__(connection, driver)
        self._settings = [f"SET LOCAL {name} = '{value}'" for name, value in settings.items()]
        self._within = False

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        if statement.startswith(_BEGINS):
            await self._begin(statement)
            return []
        if statement in (_COMMITS, _UNDOES):
            await self._end(statement)
            return []
        if statement.startswith(_SETS) and not self._within:
            self._settings.append(f"SET LOCAL {statement.removeprefix(_SETS)}")
            return []
        if self._within:
            return await super().fetch(statement, *values)
        await self._begin(_BEGINS)
        try:
            found = await super().fetch(statement, *values)
        except BaseException:
            await self._end(_UNDOES)
            raise
        await self._end(_COMMITS)
        return found

    async def run_all(self, steps: Sequence[Step]) -> None:
        if self._within:
            await super().run_all(steps)
            return
        await self._begin(_BEGINS)
        try:
            await super().run_all(steps)
        except BaseException:
            await self._end(_UNDOES)
            raise
        await self._end(_COMMITS)

    async def _begin(self, statement: str) -> None:
        """One trip: the pooler gives a server with the first statement, and all settings go with it."""
        await self._execute("; ".join([statement, *self._settings]))
        self._within = True

    async def _end(self, statement: str) -> None:
        """A connection that is lost has nothing to undo. To commit on it fails, or what it took along would be told as
        stored."""
        self._within = False
        if self.usable or statement == _COMMITS:
            await self._execute(statement)

    async def _execute(self, statements: str) -> None:
        with unavailable_told(), self._ended_if_broken():
            await self._driver.execute(statements)
