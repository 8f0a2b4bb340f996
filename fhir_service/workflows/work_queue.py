"""Work that takes CPU time, a little of it at once: what asks for more waits its turn, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fhir_service.fhir.errors import TookTooLong


class WorkQueue:
    """Lets `at_once` pieces of work go on at the same time; at most `waiting` others wait, `seconds` long each. `what`
    names them, in the plural, to those who are sent away."""

    def __init__(self, what: str, at_once: int, seconds: float, *, waiting: int = 1000) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._what = what
        self._seconds = seconds
        self._most_waiting = waiting
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises TookTooLong where none comes up, and at once where too many wait already."""
        if self._waiting >= self._most_waiting and self._free.locked():
            raise TookTooLong(f"this server has as many {self._what} under way as it takes at once; try again later")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            text = f"other {self._what} are under way, and none of them has come to its end; try again"
            raise TookTooLong(text) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()

    @asynccontextmanager
    async def patient_turn(self) -> AsyncIterator[None]:
        """As `turn`, however long it takes: for a part of something that was let in as a whole."""
        async with self._free:
            yield
