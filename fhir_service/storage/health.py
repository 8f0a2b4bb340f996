"""How a store is: whether it answers and takes writes, and how busy it is. For whoever watches the service."""

from __future__ import annotations

import asyncio

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.database import Database
from fhir_service.storage.load import OnGroup, StoreLoad, job_numbers
from fhir_service.storage.writer import Writer

_SECONDS = 3.0
_PROOF_SECONDS = 10.0
"""So long a write that reached the disk stands for the next ones."""


class Health:
    """That of one store."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def require_reads(self) -> None:
        """Raises StoreUnavailable unless the database answers."""
        if not self._writer.running:
            raise StoreUnavailable("the store is closed")
        try:
            async with asyncio.timeout(_SECONDS), self._database.reading() as session:
                await session.fetch("SELECT place FROM commit_clock WHERE id = 1")
        except TimeoutError:
            raise StoreUnavailable(f"the database has not answered in {_SECONDS:g} s") from None

    async def require_writes(self, seconds: float = _SECONDS) -> None:
        """Raises StoreUnavailable unless the database takes a write in that time or has taken one lately, and has room
        for more: SQLite can still write where the disk is full, as far as its log was once long enough."""
        self._database.require_room()
        try:
            async with asyncio.timeout(seconds):
                await self._writer.prove(_PROOF_SECONDS)
        except TimeoutError:
            raise StoreUnavailable(f"the database has taken no write in {seconds:g} s") from None

    async def how_busy(self) -> StoreLoad:
        """How busy it is. Raises StoreUnavailable."""
        async with self._database.reading() as session:
            jobs, shards = await job_numbers(session)
        return StoreLoad(self._writer.waiting, self._database.pools, jobs, shards)

    def on_group(self, told: OnGroup) -> None:
        """Tell of each group of commits from now on."""
        self._writer.on_group.append(told)
