"""Accesses to patient data, remembered behind the answers: those of a short while are written together.

A client does not wait for it, unless so many wait to be written that a bound is reached: then for some seconds until
there is room, and where the store takes none no more data are given out. A process that is killed loses what it has
noted in the last moments; the log has a line for each of those requests.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.fhir.errors import InvalidParameter, StoreUnavailable
from fhir_service.fhir.json_text import instant
from fhir_service.storage.access_records import AccessRecords, Attempt

GROUP_SECONDS = 1.0
"""How long accesses wait for others."""
_RETRY_SECONDS = 2.0
ROOM_SECONDS = 5.0
"""So long an access waits until there is room for its record."""
MAX_WAITING, MAX_WAITING_BYTES = 50_000, 256 * 1024 * 1024
"""Records, and about what they take of the memory: one may name thousands of resources."""
_BYTES, _BYTES_OF_RESOURCE = 800, 180
_DAY = 86_400_000
_GROUP = 500
_GROUP_RESOURCES = 4_000
"""Most that are written in one transaction, and resources that were handed out by them: to make them ready takes some
milliseconds, in which nobody is answered."""
_log = logging.getLogger("fhir_service.audit")


async def prune_accesses(records: AccessRecords, before: int) -> int:
    """Remove what was recorded before that instant, in milliseconds since 1970, tell how many there were, and record
    that. Raises InvalidParameter for an instant of today or later, StoreUnavailable."""
    now = time.time_ns() // 1_000_000
    if before > now - _DAY:
        raise InvalidParameter("what was recorded on the last day stays; name an earlier one")
    removed = await records.prune(before)
    await records.add(
        [
            AccessRecord(
                recorded=now,
                request="",
                client="",
                address="",
                interaction="audit-prune",
                about="",
                query=f"before={instant(before)}&removed={removed}",
                status=200,
            )
        ]
    )
    return removed


class AccessBook:
    """Belongs to the event loop it is used in."""

    def __init__(self, records: AccessRecords) -> None:
        self._records = records
        self._waiting: list[AccessRecord] = []
        self._bytes = 0
        self._group: list[AccessRecord] = []
        """Those of `_waiting` that are written, the same until it is known that they are."""
        self._attempt = Attempt()
        self._written = asyncio.Event()
        """Of the group that is written next."""
        self._failing = False
        self._timer: asyncio.TimerHandle | None = None
        self._one_at_a_time = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether one more can be noted."""
        return len(self._waiting) < MAX_WAITING and self._bytes < MAX_WAITING_BYTES

    async def room(self) -> None:
        """Wait until one more can be noted. Raises StoreUnavailable: an access that could not be remembered is not
        given."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ROOM_SECONDS):
                while not self.has_room and not self._failing:
                    await self._written.wait()
        if not self.has_room:
            raise StoreUnavailable("the accesses to patient data cannot be recorded now; try again later")

    def note(self, record: AccessRecord) -> None:
        """Write it soon."""
        self._waiting.append(record)
        self._bytes += _bytes(record)
        if self._timer is None:
            self._write_in(GROUP_SECONDS)

    async def flush(self) -> None:
        """Write all that waits. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            while self._waiting:
                self._group = self._group or self._next()
                await self._records.add(self._group, self._attempt)
                del self._waiting[: len(self._group)]
                self._bytes -= sum(map(_bytes, self._group))
                self._group, self._attempt = [], Attempt()
                self._failing = False
                self._tell()

    def _next(self) -> list[AccessRecord]:
        """The first that are written together."""
        size = 0
        for number, record in enumerate(self._waiting[:_GROUP]):
            size += len(record.resources)
            if size > _GROUP_RESOURCES and number:
                return self._waiting[:number]
        return self._waiting[:_GROUP]

    async def close(self) -> None:
        """Write what waits, for the last time; what cannot be written is told in the log."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self.flush()
        except Exception as error:  # whatever it is, the log has to tell
            _log.error("%d accesses to patient data could not be recorded: %r", len(self._waiting), error)

    def _tell(self) -> None:
        """Let those who wait for room look whether there is some."""
        self._written.set()
        self._written = asyncio.Event()

    def _write_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    def _begin(self) -> None:
        self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        wait = GROUP_SECONDS
        try:
            await self.flush()
        except Exception as error:  # whatever it is may pass: nobody else would ever try again
            _log.warning("%d accesses to patient data wait to be recorded: %r", len(self._waiting), error)
            wait = _RETRY_SECONDS
            self._failing = True
            self._tell()
        self._timer = None
        if self._waiting:
            self._write_in(wait)


def _bytes(record: AccessRecord) -> int:
    return _BYTES + _BYTES_OF_RESOURCE * (len(record.resources) + len(record.patients)) + len(record.query)
