"""The connections that read one database: by key, for searches, and for searches that see one state."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.storage.dialects import Dialect
from fhir_service.storage.load import PoolUse
from fhir_service.storage.pool import Pool
from fhir_service.storage.sessions import Row, Session

Loan = AbstractAsyncContextManager[Session]


class Readers:
    """At most `most` connections of each kind; no statement takes longer than `seconds`."""

    def __init__(self, engine: AsyncEngine, dialect: Dialect, most: int, seconds: float) -> None:
        self._snapshot = dialect.snapshot
        self._reads = Pool(engine, most, dialect.for_reads, seconds=seconds)
        same = dialect.for_searches == dialect.for_reads
        self._searches = self._reads if same else Pool(engine, most, dialect.for_searches, seconds=seconds)

    @property
    def use(self) -> dict[str, PoolUse]:
        """By what the connections are for."""
        found = {"read": self._reads.use}
        return found if self._searches is self._reads else found | {"search": self._searches.use}

    def reading(self) -> Loan:
        """A connection for statements by key."""
        return self._reads.session()

    def at_once(self, statement: str, values: Sequence[Any]) -> Sequence[Row] | None:
        """The rows of a statement by key, where a connection is free and has them without waiting."""
        return self._reads.at_once(statement, values)

    def searching(self) -> Loan:
        """A connection whose plans fit the values of each search."""
        return self._searches.session()

    def snapshot(self) -> Loan:
        """A connection for searches that all see one state of the store."""
        return self._searches.snapshot(self._snapshot)

    def snapshot_by_key(self) -> Loan:
        """A connection for statements by key that all see one state of the store."""
        return self._reads.snapshot(self._snapshot)

    async def close(self) -> None:
        await self._reads.close()
        await self._searches.close()
