"""A read replica, asked only while it is near enough to the primary.

Two promises are kept. Nobody sees less than this process has written before, nor a state older than the lag that the
settings allow. And what is asked for as it was at a place in the order of commits is asked of the replica only when it
has come to that place, so that an export and the `_since` of the next one leave nothing between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import NamedTuple

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.readers import Readers

_PLACE = "SELECT place FROM commit_clock WHERE id = 1"
_LOOKS = 4
"""In the time of the lag that is allowed."""
_MOST_OUTSTANDING = 1000
_log = logging.getLogger("fhir_service.storage")


class ReplicaAt(NamedTuple):
    """Where a read replica is, and how many seconds it may be behind to be read from."""

    url: str
    lag: float


class Replica:
    """Knows how far behind the readers of a replica are. `lag` in seconds."""

    def __init__(self, readers: Readers, lag: float) -> None:
        self.readers = readers
        self._lag = lag
        self._place = -1
        self._as_of = -1.0
        self._written = 0.0
        self._answers = False
        self._outstanding: deque[tuple[float, int]] = deque(maxlen=_MOST_OUTSTANDING)

    def is_near(self) -> bool:
        """Whether what it shows is as good as what the primary shows."""
        return self._as_of >= self._written and monotonic() - self._as_of <= self._lag

    def has_come_to(self, place: int) -> bool:
        """Whether every commit up to that place is there."""
        return self._answers and self._place >= place

    def wrote(self) -> None:
        """A commit of this process became durable, or may have."""
        self._written = monotonic()

    def lost(self) -> None:
        """It did not answer; it counts again once it does."""
        if self._answers:
            _log.warning("the read replica does not answer; the primary is asked")
        self._answers, self._as_of = False, -1.0

    async def follow(self, primary: Readers) -> None:
        """Look how far it is, until cancelled."""
        while True:
            try:
                await self.look(primary)
            except StoreUnavailable:
                self.lost()
            await asyncio.sleep(self._lag / _LOOKS)

    async def look(self, primary: Readers) -> None:
        """Raises StoreUnavailable."""
        asked = monotonic()
        async with primary.reading() as session:
            ((newest,),) = await session.fetch(_PLACE)
        self._outstanding.append((asked, newest))
        async with self.readers.reading() as session:
            ((self._place,),) = await session.fetch(_PLACE)
        self._answers = True
        while self._outstanding and self._outstanding[0][1] <= self._place:
            self._as_of = self._outstanding.popleft()[0]
