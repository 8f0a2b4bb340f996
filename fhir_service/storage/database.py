"""One database: its connections for reading, for searching and for writing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.fhir.errors import StoreFull
from fhir_service.storage.dialects import dialect_of
from fhir_service.storage.load import PoolUse
from fhir_service.storage.pool import Pool
from fhir_service.storage.sessions import Session, connect

LEAST_ROOM = 16 * 1024 * 1024
"""Bytes free on the disk of a SQLite file, below which it counts as full."""
SEARCH_SECONDS = 20.0
"""What one statement of a reader may take; who asks for more is told that it is too much."""


class Database:
    """Hands out connections; closes them all at the end."""

    def __init__(self, engine: AsyncEngine, seconds: float = SEARCH_SECONDS) -> None:
        self.engine = engine
        self._seconds = seconds
        self.dialect = dialect_of(engine.dialect.name)
        self._reads = self._pool(self.dialect.for_reads)
        same = self.dialect.for_searches == self.dialect.for_reads
        self._searches = self._reads if same else self._pool(self.dialect.for_searches)
        self._writer: Session | None = None

    def _pool(self, setup: tuple[str, ...]) -> Pool:
        return Pool(self.engine, self.dialect.readers, setup, seconds=self._seconds)

    @property
    def pools(self) -> dict[str, PoolUse]:
        """By what their connections are for."""
        found = {"read": self._reads.use}
        return found if self._searches is self._reads else found | {"search": self._searches.use}

    def reading(self) -> AbstractAsyncContextManager[Session]:
        """A connection for statements by key."""
        return self._reads.session()

    def searching(self) -> AbstractAsyncContextManager[Session]:
        """A connection whose plans fit the values of each search."""
        return self._searches.session()

    def snapshot(self) -> AbstractAsyncContextManager[Session]:
        """A connection for searches that all see one state of the store."""
        return self._searches.snapshot(self.dialect.snapshot)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """The one connection that writes, in a transaction: committed at the end, rolled back on any error.

        Only the writer task comes here. A connection on which a transaction failed is thrown away, since what state it
        is in is the least sure thing about it.
        """
        if self._writer is None or not self._writer.usable:
            self._writer = await connect(self.engine)
        session, self._writer = self._writer, None
        try:
            await session.fetch(self.dialect.begin)
            yield session
            await session.fetch("COMMIT")
        except BaseException:
            await asyncio.shield(session.close())
            raise
        self._writer = session

    def require_room(self) -> None:
        """Raises StoreFull where a file could not grow by much. How it is with a server, its own answers tell."""
        if self.engine.dialect.name == "sqlite":
            with suppress(OSError):  # that it is away is told elsewhere
                if shutil.disk_usage(Path(self.engine.url.database or "").parent).free < LEAST_ROOM:
                    raise StoreFull("the disk of the database is full")

    async def close(self) -> None:
        await self._reads.close()
        await self._searches.close()
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        await self.engine.dispose()
