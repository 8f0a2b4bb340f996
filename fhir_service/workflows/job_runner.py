"""Does jobs: takes shards, keeps their leases alive, and tries again what failed.

Any number of runners in any number of processes may work on the jobs of one store.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.jobs import Claim, Jobs, LeaseLost, NewShard
from fhir_service.storage.repository import Repository

_LOOK_SECONDS = 1.0
"""How soon a job that another process began is seen."""
_BEATS = 3
"""In the time of a lease."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobLimits:
    """`lease` in seconds: so long after the death of a worker another goes on. `kept` in milliseconds: so long what a
    job made can be fetched. `at_once` shards are done at the same time by one process."""

    lease: float = 15.0
    kept: int = 24 * 3_600_000
    at_once: int = 3


@dataclass(frozen=True, slots=True)
class Work:
    """A shard in the hands of whoever does it."""

    claim: Claim
    jobs: Jobs
    limits: JobLimits

    async def advance(self, checkpoint: str, *, done: bool, more: Sequence[NewShard] = ()) -> None:
        """See `Jobs.advance`. Raises LeaseLost."""
        await self.jobs.advance(self.claim, checkpoint, self.limits.lease, done=done, more=more, kept=self.limits.kept)


class JobKind(Protocol):
    """What is done for a kind of job."""

    failure: str
    """What a client is told whose job failed; the reason is in the log."""

    async def run(self, work: Work) -> None:
        """Do one shard to its end, from its last checkpoint on. Raises LeaseLost, or whatever goes wrong."""

    async def clean(self, job_id: str) -> None:
        """Remove what a job has made outside the database."""


async def start_jobs(repository: Repository, runner: JobRunner) -> None:
    """Go on with what an earlier process left. On a database that only one process uses its leases mean nothing; where
    it takes no writes now they run out, and what is stored can be read meanwhile."""
    if not repository.shared:
        try:
            await repository.jobs.release()
        except StoreUnavailable:
            _log.warning("the store takes no writes: jobs of an earlier process wait until their leases run out")
    runner.start()


class JobRunner:
    """Runs in one event loop. `kinds` are by name; jobs of others are left to whoever knows them."""

    def __init__(self, jobs: Jobs, kinds: Mapping[str, JobKind], limits: JobLimits) -> None:
        self._jobs = jobs
        self._kinds = kinds
        self._limits = limits
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._task: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._busy = 0
        """Shards that are being done."""
        self._lasting = False
        self._begun = asyncio.Event()

    def start(self) -> None:
        """Work until `close`, whoever begins jobs."""
        self._lasting = True
        self.look()

    def look(self) -> None:
        """There is something to do: see to it, and without `start` end when it is done."""
        self._begun.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="fhir-service jobs")
        elif self._busy:
            self._call_help()

    async def finish(self) -> None:
        """Work until there is nothing that can be done now."""
        self.look()
        if self._task is not None:
            await self._task
        while self._helpers:
            await asyncio.gather(*self._helpers)

    async def close(self) -> None:
        """Stop where it is; what is not in a checkpoint is done again by whoever comes next."""
        tasks = [*self._helpers] if self._task is None else [self._task, *self._helpers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._begun.clear()
            try:
                await self._clean()
                if await self._do_next():
                    continue
            except StoreUnavailable:
                if not self._lasting:
                    return
                _log.warning("the store does not answer; jobs wait")
            except Exception:  # whatever it is: without this loop no job would ever be done again
                if not self._lasting:
                    raise
                _log.exception("jobs wait")
            if not (self._lasting or self._begun.is_set()):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._begun.wait(), _LOOK_SECONDS)

    async def _do_next(self) -> bool:
        """Whether there was something to do."""
        claim = await self._jobs.claim(self._worker, self._limits.lease, tuple(self._kinds))
        if claim is None:
            return False
        self._busy += 1
        try:
            self._call_help()
            await self._do(claim)
        finally:
            self._busy -= 1
            self._ended.set()
        return True

    def _call_help(self) -> None:
        if len(self._helpers) < self._limits.at_once - 1:
            helper = asyncio.create_task(self._help(), name="fhir-service jobs")
            self._helpers.add(helper)
            helper.add_done_callback(self._helpers.discard)

    async def _help(self) -> None:
        """Do what else there is, as long as something is being done."""
        try:
            while await self._do_next() or self._busy:
                await self._pause()
        except StoreUnavailable:  # whoever waits for the store tells
            return

    async def _pause(self) -> None:
        """Until there may be something to do: another process may begin a job, and nothing tells."""
        if not self._ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _LOOK_SECONDS)
        self._ended.clear()

    async def _do(self, claim: Claim) -> None:
        kind = self._kinds[claim.job.kind]
        shard = asyncio.create_task(kind.run(Work(claim, self._jobs, self._limits)))
        beat = asyncio.create_task(self._keep(claim))
        try:
            await asyncio.wait({shard, beat}, return_when=asyncio.FIRST_COMPLETED)
            if shard.done():
                shard.result()
        except LeaseLost:
            _log.info("job %s: somebody else has shard %d by now, or it was ended", claim.job.id, claim.shard.number)
        except StoreUnavailable:  # no fault of the shard; whoever comes when the lease has run out goes on with it
            raise
        except Exception:  # whatever it is, it may pass: others go on, and the client is told after some attempts
            _log.exception("job %s: shard %d failed", claim.job.id, claim.shard.number)
            await self._jobs.fail(claim, kind.failure, kept=self._limits.kept)
        finally:
            for task in (beat, shard):
                task.cancel()
            await asyncio.gather(beat, shard, return_exceptions=True)

    async def _keep(self, claim: Claim) -> None:
        """Renew the lease again and again; ends when it is lost."""
        while True:
            await asyncio.sleep(self._limits.lease / _BEATS)
            try:
                await self._jobs.renew(claim, self._limits.lease)
            except LeaseLost:
                return
            except StoreUnavailable:
                continue

    async def _clean(self) -> None:
        for job_id, name in await self._jobs.expired(tuple(self._kinds)):
            try:
                await self._kinds[name].clean(job_id)
            except Exception:  # of an object store, say: it is tried again, and others are not held up
                _log.exception("job %s: what it made cannot be removed", job_id)
                continue
            await self._jobs.forget(job_id)
