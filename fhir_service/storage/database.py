"""One database: its connections for reading, for searching and for writing, and those of a replica of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.fhir.errors import StoreFull, StoreUnavailable
from fhir_service.storage.dialects import dialect_of
from fhir_service.storage.failures import ConnectionLost
from fhir_service.storage.load import PoolUse
from fhir_service.storage.readers import Loan, Readers
from fhir_service.storage.replica import Replica
from fhir_service.storage.sessions import Row, Session, connect
from fhir_service.storage.sqlite_checkpoints import Checkpoints

LEAST_ROOM = 16 * 1024 * 1024
"""Bytes free on the disk of a SQLite file, below which it counts as full."""
SEARCH_SECONDS = 20.0
"""What one statement of a reader may take; who asks for more is told that it is too much."""


_UNCERTAIN = (
    "the database was lost at the moment of storing: look whether it is there before you send it again, or send it "
    "again with If-None-Exist or If-Match"
)


class CommitUncertain(StoreUnavailable):
    """The connection was lost while a commit was under way: it may have become durable or not."""


class Database:
    """Hands out connections; closes them all at the end. `connections` of each kind at most; where none are said, as
    many as suit the database."""

    def __init__(self, engine: AsyncEngine, seconds: float = SEARCH_SECONDS, connections: int = 0) -> None:
        self.engine = engine
        self.dialect = dialect_of(engine.dialect.name)
        self._readers = Readers(engine, self.dialect, connections or self.dialect.readers, seconds)
        self._writer: Session | None = None
        self._closed = False
        self._replica: Replica | None = None
        self._replica_engine: AsyncEngine | None = None
        self._look_out: asyncio.Task[None] | None = None
        self._checkpoints = Checkpoints(engine) if engine.dialect.name == "sqlite" else None

    def add_replica(
        self, engine: AsyncEngine, lag: float, seconds: float = SEARCH_SECONDS, connections: int = 0
    ) -> None:
        """Read from there too, while it is at most `lag` seconds behind."""
        readers = Readers(engine, self.dialect, connections or self.dialect.readers, seconds)
        self._replica, self._replica_engine = Replica(readers, lag), engine
        self._look_out = asyncio.create_task(self._replica.follow(self._readers), name="fhir-service replica")

    @property
    def pools(self) -> dict[str, PoolUse]:
        """By what their connections are for."""
        if self._replica is None:
            return self._readers.use
        return self._readers.use | {f"{name} of replica": use for name, use in self._replica.readers.use.items()}

    def reading(self) -> Loan:
        """A connection for statements by key, on which what is to be written depends."""
        return self._readers.reading()

    def showing(self, place: int | None = None) -> Loan:
        """A connection for statements by key, for what a client wants to see, with a `place` as `searching`."""
        return self._readers.reading() if self._replica is None else self._either(Readers.reading, place)

    def at_once(self, statement: str, values: Sequence[Any]) -> Sequence[Row] | None:
        """The rows of a statement by key, for what a client wants to see; None where somebody would have to wait for
        them. Raises what the driver does."""
        return self._readers.at_once(statement, values) if self._replica is None else None

    def searching(self, place: int | None = None) -> Loan:
        """A connection whose plans fit the values of each search. With a `place` in the order of commits everything up
        to there is seen, and what came later may be missing."""
        return self._readers.searching() if self._replica is None else self._either(Readers.searching, place)

    def snapshot(self, place: int | None = None) -> Loan:
        """The same for searches that all see one state of the store."""
        return self._readers.snapshot() if self._replica is None else self._either(Readers.snapshot, place)

    def snapshot_by_key(self) -> Loan:
        """A connection for statements by key that all see one state of the store."""
        return self._readers.snapshot_by_key() if self._replica is None else self._either(Readers.snapshot_by_key)

    @asynccontextmanager
    async def _either(self, loan: Callable[[Readers], Loan], place: int | None = None) -> AsyncIterator[Session]:
        """From the replica if it will do, else from the primary."""
        async with AsyncExitStack() as stack:
            replica = self._replica
            if replica is not None and (replica.is_near() if place is None else replica.has_come_to(place)):
                try:
                    session = await stack.enter_async_context(loan(replica.readers))
                except StoreUnavailable:
                    replica.lost()
                    session = await stack.enter_async_context(loan(self._readers))
            else:
                session = await stack.enter_async_context(loan(self._readers))
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """The one connection that writes, in a transaction: committed at the end, rolled back on any error.

        Only the writer task comes here. A connection on which a transaction failed is thrown away, since what state it
        is in is the least sure thing about it. Raises CommitUncertain.
        """
        if self._closed:
            raise StoreUnavailable("the database is closed")
        if self._writer is None or not self._writer.usable:
            self._writer = await connect(self.engine, *self.dialect.for_writes)
        session, self._writer = self._writer, None
        try:
            if self._checkpoints is not None:
                await self._checkpoints.between_transactions(session)
            await session.fetch(self.dialect.begin)
            yield session
            try:
                await _commit(session)
            finally:  # whoever is told that nobody knows will look whether it is there
                if self._replica is not None:
                    self._replica.wrote()
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
        self._closed = True
        if self._look_out is not None:
            self._look_out.cancel()
        if self._replica is not None and self._replica_engine is not None:
            await self._replica.readers.close()
            await self._replica_engine.dispose()
        await self._readers.close()
        if self._checkpoints is not None:
            await self._checkpoints.close()
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        await self.engine.dispose()


async def _commit(session: Session) -> None:
    try:
        await session.fetch("COMMIT")
    except ConnectionLost as error:
        raise CommitUncertain(_UNCERTAIN) from error
