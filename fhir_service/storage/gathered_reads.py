"""Reads by key that come in while others are under way, made together: one trip to the database for all that wait.

Alone, a read costs the server mostly the trip. So no more than a few trips are under way at a time; what is asked for
meanwhile goes with the next one, as writes do in their group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from fhir_service.fhir.errors import FhirError
from fhir_service.storage.changes import Key, Stored
from fhir_service.storage.failures import ConnectionLost
from fhir_service.storage.sessions import Row

if TYPE_CHECKING:
    from fhir_service.storage.database import Database

_TRIPS = 2
_AT_ONCE = 64
"""Keys of one trip."""
Waiting = dict[Key, list["asyncio.Future[Stored]"]]


class GatheredReads:
    """Reads by the statement `many`, whose values are keys and whose rows have no text where that is large; `one`
    reads such a row. `made` makes of a row, or of none, what is answered or raised. Belongs to one event loop."""

    def __init__(self, database: Database, many: str, one: str, made: Callable[[Key, Row | None], Stored]) -> None:
        self._database = database
        self._many = many
        self._one = one
        self._made = made
        self._waiting: Waiting = {}
        self._trips: set[asyncio.Task[None]] = set()
        self._called = False

    def read(self, key: Key) -> asyncio.Future[Stored]:
        """Raises what `made` does, and StoreUnavailable."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Stored] = loop.create_future()
        self._waiting.setdefault(key, []).append(found)
        if not self._called and len(self._trips) < _TRIPS:
            self._called = True
            loop.call_soon(self._go)  # what else is asked for in this turn comes along
        return found

    def _go(self) -> None:
        self._called = False
        if not self._waiting:
            return
        if len(self._waiting) <= _AT_ONCE:
            asked, self._waiting = self._waiting, {}
        else:
            asked = {key: self._waiting.pop(key) for key in list(self._waiting)[:_AT_ONCE]}
        trip = asyncio.create_task(self._trip(asked))
        self._trips.add(trip)
        trip.add_done_callback(self._back)

    def _back(self, trip: asyncio.Task[None]) -> None:
        self._trips.discard(trip)
        self._go()

    async def _trip(self, asked: Waiting) -> None:
        """One after the other is settled, and none is left waiting."""
        try:
            try:
                await self._bring(asked)
            except ConnectionLost:  # another one may stand, or another server answer
                await self._bring(asked)
        except Exception as error:  # whatever it is, those who wait have to be told
            _tell(asked.values(), error)
        except BaseException:
            _tell(asked.values(), asyncio.CancelledError())
            raise

    async def _bring(self, asked: Waiting) -> None:
        async with self._database.showing() as session:
            rows = await session.fetch(self._many, *self._database.dialect.key_values(list(asked)))
            found = {(row[0], row[1]): row for row in rows}
            for key in list(asked):
                row = found.get(key)
                if row is not None and row[5] is None:
                    alone = await session.fetch(self._one, *key)
                    row = alone[0] if alone else None
                self._settle(key, row, asked.pop(key))

    def _settle(self, key: Key, row: Row | None, waiting: Iterable[asyncio.Future[Stored]]) -> None:
        try:
            stored = self._made(key, row)
        except FhirError as error:
            _tell([waiting], error)
        else:
            for one in waiting:
                if not one.done():
                    one.set_result(stored)


def _tell(waiting: Iterable[Iterable[asyncio.Future[Stored]]], error: BaseException) -> None:
    for those in waiting:
        for one in those:
            if not one.done():
                one.set_exception(error)
