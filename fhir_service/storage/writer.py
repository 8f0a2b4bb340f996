"""The one task of a process that writes: it gathers the commits that wait and makes them durable together.

A commit waits at most for the group before it. A group is one transaction with one fsync, so under load the price of
durability is shared, and a single client pays for itself alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.errors import FhirError, StoreUnavailable
from fhir_service.storage.database import Database
from fhir_service.storage.failures import ConnectionLost, is_retryable
from fhir_service.storage.group_commit import Commit, Group, commit_group
from fhir_service.storage.load import OnGroup

MAX_WAITING = 20_000
"""Changes that may wait; beyond, callers are told to come back later."""
GROUP_CHANGES = 1_000
"""Changes from which on a group takes no further commit."""
PAUSES = (0.1, 0.5, 1.5)
"""Seconds before a group is tried again for which the database was gone, as while another server takes over. What
failed for a reason that may pass is tried again at once, and as often."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    commit: Commit
    done: asyncio.Future[Any]

    def settle(self, result: Any) -> None:
        if self.done.done():  # the caller went away
            return
        if isinstance(result, BaseException):
            self.done.set_exception(result)
        else:
            self.done.set_result(result)


class Writer:
    """Runs from `start` to `stop`, in one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._changes_waiting = 0
        self._arrived = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._proven = -math.inf
        self.on_group: list[OnGroup] = []

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="fhir-service writer")

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def prove(self, seconds: float) -> None:
        """Write something that changes nothing, unless a group has reached the disk in the last `seconds`. Raises what
        keeps it from the disk."""
        if time.monotonic() > self._proven + seconds:
            await self.commit(Commit(work=_nothing))

    @property
    def waiting(self) -> int:
        """Changes that wait."""
        return self._changes_waiting

    async def commit(self, commit: Commit) -> Any:
        """Wait until the commit is durable. Raises what kept it out, or StoreUnavailable where too much waits already.

        A caller that is cancelled while it waits does not undo anything: its commit is made whole, or was not begun.
        """
        size = commit.size
        if self._stopping or not self.running:
            raise StoreUnavailable("the store is closing")
        if self._changes_waiting and self._changes_waiting + size > MAX_WAITING:
            raise StoreUnavailable("too much waits to be written; try again later")
        waiting = _Waiting(commit, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._changes_waiting += size
        self._arrived.set()
        return await waiting.done

    async def stop(self) -> None:
        """Write what waits, then end."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            group = self._next_group()
            if group:
                await self._write(group)
            elif not self._stopping:
                self._arrived.clear()
                await self._arrived.wait()

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and (not group or self._fits(size)):
            waiting = self._waiting.popleft()
            self._changes_waiting -= waiting.commit.size
            if not waiting.done.done():
                group.append(waiting)
                size += waiting.commit.size
                if waiting.commit.has_own_group:
                    break
        return group

    def _fits(self, size: int) -> bool:
        commit = self._waiting[0].commit
        return not commit.has_own_group and size + commit.size <= GROUP_CHANGES

    async def _write(self, group: Sequence[_Waiting]) -> None:
        """One transaction for all; if the group as a whole fails by a fault of one, each alone."""
        begun = time.perf_counter()
        result = await self._attempt([waiting.commit for waiting in group])
        if self.on_group and not isinstance(result, BaseException):
            changes, seconds = sum(waiting.commit.size for waiting in group), time.perf_counter() - begun
            for told in self.on_group:
                told(changes, seconds)
        self._proven = -math.inf if isinstance(result, StoreUnavailable) else time.monotonic()
        if not isinstance(result, BaseException):
            for waiting, outcome in zip(group, result, strict=True):
                waiting.settle(outcome)
        elif isinstance(result, StoreUnavailable) or len(group) == 1:
            for waiting in group:
                waiting.settle(result)
        else:
            for waiting in group:
                await self._write([waiting])

    async def _attempt(self, commits: list[Commit]) -> list[Any] | BaseException:
        """The group in a task of its own, so that whatever goes wrong there is an answer here and never our end."""
        error: BaseException | None = None
        for pause in (*PAUSES, None):
            task = asyncio.create_task(commit_group(self._database, commits))
            await asyncio.wait({task})
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                return task.result()
            lost = isinstance(error, ConnectionLost)  # before the commit: nothing of it is there
            if pause is None or not (lost or is_retryable(error)):
                break
            if lost:
                await asyncio.sleep(pause)
        return error if isinstance(error, FhirError | Exception) else StoreUnavailable("the write was cut off")


async def _nothing(_: Group) -> None:
    """That every group takes the clock is write enough."""
