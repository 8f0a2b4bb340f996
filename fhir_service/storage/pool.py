"""Connections that are kept and lent out, the last used first. Nothing is reset between two loans: readers leave
nothing behind, and who opens a transaction ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.load import PoolUse
from fhir_service.storage.sessions import Row, Session, connect

WAIT_SECONDS = 10.0


class Pool:
    """At most `size` connections, made when they are needed, each set up by the statements in `setup`. No statement may
    take longer than `seconds`."""

    def __init__(self, engine: AsyncEngine, size: int, setup: tuple[str, ...] = (), *, seconds: float) -> None:
        self._seconds = seconds
        self._engine = engine
        self._setup = setup
        self._size = size
        self._lent = 0
        self._places = asyncio.Semaphore(size)
        self._free: list[Session] = []
        self._closed = False

    @property
    def use(self) -> PoolUse:
        return PoolUse(self._lent, len(self._free), self._size)

    def session(self) -> Loan:
        """Lend a connection. Raises StoreUnavailable where none comes free in time or none can be made."""
        return Loan(self)

    def at_once(self, statement: str, values: Sequence[Any]) -> Sequence[Row] | None:
        """What the connection used last says without waiting; None where none is free, or it has to. Raises what the
        driver does."""
        if not self._free or not self._free[-1].usable:
            return None
        return self._free[-1].at_once(statement, values)

    async def take(self) -> Session:
        if self._closed:  # whoever comes late would make a connection that nobody closes
            raise StoreUnavailable("the database is closed")
        await self._take_place()
        try:
            session = await self._kept() or await connect(self._engine, *self._setup, seconds=self._seconds)
        except BaseException:
            self._places.release()
            raise
        self._lent += 1
        return session

    async def give_back(self, session: Session) -> None:
        self._lent -= 1
        try:
            if session.usable:
                self._free.append(session)
            else:
                await session.close()
        finally:
            self._places.release()

    async def _kept(self) -> Session | None:
        """The one used last that still stands."""
        while self._free:
            session = self._free.pop()
            if session.usable:
                return session
            await session.close()
        return None

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            await asyncio.wait_for(self._places.acquire(), WAIT_SECONDS)
        except TimeoutError:
            raise StoreUnavailable("all database connections are busy; try again later") from None

    @asynccontextmanager
    async def snapshot(self, begin: str) -> AsyncIterator[Session]:
        """Lend a connection inside one read transaction, so that several statements see one state."""
        async with self.session() as session:
            try:
                await session.fetch(begin)
                yield session
            finally:
                await _whole(_end(session))

    async def close(self) -> None:
        self._closed = True
        while self._free:
            await self._free.pop().close()


class Loan:
    """A connection for as long as it is used. A class, since this is on the way of every request and a generator as
    context manager costs several times as much."""

    __slots__ = ("_pool", "_session")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Session:
        self._session = await self._pool.take()
        return self._session

    async def __aexit__(self, *_: object) -> None:
        await self._pool.give_back(self._session)


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """To its end, even where the caller is cancelled meanwhile: whoever is lent the connection next needs it whole."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _end(session: Session) -> None:
    """Leave no transaction open; a connection that cannot be told so is not lent again."""
    try:
        await session.fetch("ROLLBACK")
    except Exception:  # whatever it is, as that none had begun
        await session.close()
