"""Brings the log of a SQLite file into the file, beside the writer.

A commit that does so itself, as SQLite has it, holds up every other writer for a tenth of a second, and under load that
is every second or two. Here a connection of its own does it, in its thread; the little that was written meanwhile is
left to the writer between two transactions, after which the log begins anew.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.sessions import Session, connect

_SECONDS_BETWEEN = 0.5
_LONG = 4_000
"""Pages of a log that is to begin anew: 16 MB."""
_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
"""As far as it can be done while others read and write."""


class Checkpoints:
    """Those of one file. Where one fails nothing is lost: the log is longer, and at the latest a commit does it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._next = 0.0
        self._left = False

    async def between_transactions(self, writer: Session) -> None:
        """The writer's part, and the beginning of another one."""
        if self._left:
            self._left = False
            with suppress(StoreUnavailable):
                await writer.fetch(_CHECKPOINT)
        if (self._task is None or self._task.done()) and time.monotonic() > self._next:
            self._task = asyncio.create_task(self._run(), name="fhir-service checkpoint")

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})
        if self._session is not None:
            await self._session.close()

    async def _run(self) -> None:
        with suppress(StoreUnavailable):
            if self._session is None or not self._session.usable:
                self._session = await connect(self._engine)
            ((_, pages, _),) = await self._session.fetch(_CHECKPOINT)
            if pages >= _LONG:
                await self._session.fetch(_CHECKPOINT)  # what was written during the first, so that little is left
                self._left = True
        self._next = time.monotonic() + _SECONDS_BETWEEN
