"""Jobs: long work as rows that survive a restart, done in shards by whoever holds the lease.

A worker takes a shard for some seconds and renews the lease while it lives; what it has made counts with the checkpoint
that says so. Where a worker dies, its lease runs out and another goes on behind the last checkpoint: nothing is missed
and nothing counts twice. The instants of leases are those of the machines, which have to agree within a lease.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from fhir_service.fhir.errors import NotFound, TooManyRequests
from fhir_service.storage.database import Database
from fhir_service.storage.group_commit import Commit, Group
from fhir_service.storage.job_rows import Claim, Job, JobShard, LeaseLost, NewShard, job_of
from fhir_service.storage.sessions import Row
from fhir_service.storage.writer import Writer

__all__ = ["ATTEMPTS", "Claim", "Job", "JobShard", "Jobs", "LeaseLost", "NewShard"]
ATTEMPTS = 5
"""After so many failures in a row a shard fails its job."""
_RETRY_MILLISECONDS = 500
"""From the first failure to the next attempt; then 8, 27 and 64 times as long."""
GRACE_MILLISECONDS = 30_000
"""Between the end of a cancelled job and the removal of what it made: its worker may still be at it."""
_JOB = "id, kind, owner, request, state, place, moment, begun, expires, failure"
_INSERT_JOB = f"INSERT INTO job ({_JOB}) VALUES ($1, $2, $3, $4, 'running', $5, $6, $7, 0, '')"
_INSERT_SHARD = (
    "INSERT INTO job_shard (job_id, number, phase, work, done, checkpoint, worker, leased_until, attempts) "
    "VALUES ($1, $2, $3, $4, FALSE, '', '', 0, 0)"
)
_STRIDE = "UPDATE commit_clock SET last_updated = last_updated + 1 WHERE id = 1 RETURNING place, last_updated"
"""Whatever is committed from now on is of a later millisecond than whatever was committed before."""
_UNFINISHED = "SELECT count(*) FROM job WHERE state = 'running' AND kind = $1"
_UNFINISHED_OF_OWNER = f"{_UNFINISHED} AND owner = $2"
_FREE = (
    "SELECT s.job_id, s.number FROM job j CROSS JOIN job_shard s WHERE j.state = 'running' AND j.kind IN ({kinds}) "
    "AND s.job_id = j.id "
    "AND NOT s.done AND s.leased_until < $1 AND NOT EXISTS (SELECT 1 FROM job_shard e WHERE e.job_id = s.job_id "
    "AND e.phase < s.phase AND NOT e.done) ORDER BY (SELECT max(d.leased_until) FROM job_shard d "
    "WHERE d.job_id = j.id), j.begun, s.job_id, s.phase, s.number LIMIT 1"
)
"""Jobs take turns: that comes first which was not worked on for longest, so that a large one holds up no small one."""
_LEASE = "UPDATE job_shard SET worker = $3, leased_until = $4 WHERE job_id = $1 AND number = $2"
_MINE = (
    "SELECT s.job_id FROM job_shard s CROSS JOIN job j WHERE s.job_id = $1 AND s.number = $2 AND s.worker = $3 "
    "AND NOT s.done AND j.id = s.job_id AND j.state = 'running'"
)
_SHARD = "SELECT number, phase, work, checkpoint, done FROM job_shard WHERE job_id = $1"
_ADVANCE = (
    "UPDATE job_shard SET checkpoint = $3, done = $4, leased_until = $5, attempts = 0 WHERE job_id = $1 AND number = $2"
)
_LEFT = "SELECT count(*) FROM job_shard WHERE job_id = $1 AND NOT done"
_END = "UPDATE job SET state = $2, expires = $3, failure = $4 WHERE id = $1 AND state = 'running'"
_FAILED = (
    "UPDATE job_shard SET attempts = attempts + 1, worker = '', "
    "leased_until = $3 + $4 * (attempts + 1) * (attempts + 1) * (attempts + 1) "
    "WHERE job_id = $1 AND number = $2 RETURNING attempts"
)
_FIND = f"SELECT {_JOB} FROM job WHERE id = $1"
_CANCEL = "UPDATE job SET state = 'cancelled', expires = $2 WHERE id = $1"
_OLD = "SELECT id, kind FROM job WHERE expires > 0 AND expires < $1 AND kind IN ({kinds}) ORDER BY expires LIMIT 100"
_FORGET = ("DELETE FROM job_shard WHERE job_id = $1", "DELETE FROM job WHERE id = $1")
_RELEASE = "UPDATE job_shard SET worker = '', leased_until = 0 WHERE NOT done"


class Jobs:
    """All jobs of a store. Whoever writes here holds the clock of commits meanwhile, so no two take one shard."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def begin(
        self,
        kind: str,
        owner: str,
        request: str,
        shards: Sequence[NewShard],
        *,
        most: int,
        most_of_owner: int = 0,
        job_id: str = "",
    ) -> Job:
        """Make a job durable. Raises TooManyRequests where `most` of that kind are under way, or `most_of_owner` of the
        owner's (0: any number), StoreUnavailable."""
        job_id = job_id or str(uuid4())

        async def work(group: Group) -> Any:
            ((unfinished,),) = await group.session.fetch(_UNFINISHED, kind)
            if unfinished >= most:
                text = f"this server has as many jobs of the kind {kind} under way as it takes; try again later"
                return TooManyRequests(text, retry_after=30)
            ((own,),) = await group.session.fetch(_UNFINISHED_OF_OWNER, kind, owner)
            if most_of_owner and own >= most_of_owner:
                text = f"{own} jobs of the kind {kind} that you began are under way still; wait for them, or end them"
                return TooManyRequests(text, retry_after=30)
            ((place, following),) = await group.session.fetch(_STRIDE)
            row = (job_id, kind, owner, request, place, following - 1, _now())
            await group.session.run_all([(_INSERT_JOB, [row]), (_INSERT_SHARD, _shard_rows(job_id, 0, shards))])
            return None

        await self._writer.commit(Commit(work=work, alone=True))
        return await self.find(job_id)

    async def find(self, job_id: str, owner: str | None = None) -> Job:
        """One that is neither cancelled nor expired, of that owner if one is named. Raises NotFound."""
        async with self._database.reading() as session:
            rows = await session.fetch(_FIND, job_id)
            shards = await session.fetch(f"{_SHARD} ORDER BY number", job_id) if rows else ()
        job = job_of(rows[0], shards) if rows else None
        gone = job is None or job.state == "cancelled" or 0 < job.expires < _now()
        if job is None or gone or owner not in (None, job.owner):
            raise NotFound(f"there is no job '{job_id[:80]}', or no longer")
        return job

    async def claim(self, worker: str, seconds: float, kinds: Sequence[str]) -> Claim | None:
        """Take the next shard that nobody holds, of a job of one of those kinds; None where there is none."""
        asked = _of_kinds(_FREE, kinds)

        async def work(group: Group) -> Any:
            now = _now()
            free = await group.session.fetch(asked, now, *kinds)
            if free:
                await group.session.fetch(_LEASE, *free[0], worker, now + round(seconds * 1000))
            return free[0] if free else None

        async with self._database.reading() as session:
            # Without a write, which is what idle workers do all the time.
            if not await session.fetch(asked, _now(), *kinds):
                return None
        taken = await self._writer.commit(Commit(work=work))
        if taken is None:
            return None
        async with self._database.reading() as session:
            rows = await session.fetch(_FIND, taken[0])
            shards = await session.fetch(f"{_SHARD} ORDER BY number", taken[0])
        if not rows:
            return None
        job = job_of(rows[0], shards)
        return Claim(job, next(one for one in job.shards if one.number == taken[1]), worker)

    async def renew(self, claim: Claim, seconds: float) -> None:
        """Keep the lease. Raises LeaseLost."""

        async def work(group: Group) -> Any:
            if mine := await _is_mine(group, claim):
                until = _now() + round(seconds * 1000)
                await group.session.fetch(_LEASE, claim.job.id, claim.shard.number, claim.worker, until)
            return mine

        await self._held(work)

    async def advance(
        self, claim: Claim, checkpoint: str, seconds: float, *, done: bool, more: Sequence[NewShard] = (), kept: int = 0
    ) -> None:
        """Write down how far it has come, `more` shards that it found to be done, and that it is `done`. With the last
        shard the job is complete, and kept for `kept` milliseconds. Raises LeaseLost."""

        async def work(group: Group) -> Any:
            if not await _is_mine(group, claim):
                return False
            now, job_id = _now(), claim.job.id
            until = now + round(seconds * 1000)
            await group.session.fetch(_ADVANCE, job_id, claim.shard.number, checkpoint, done, until)
            first = 1 + max(one.number for one in claim.job.shards)
            await group.session.run_all([(_INSERT_SHARD, _shard_rows(job_id, first, more))] if more else [])
            if done and (await group.session.fetch(_LEFT, job_id))[0][0] == 0:
                await group.session.fetch(_END, job_id, "complete", now + kept, "")
            return True

        await self._held(work)

    async def fail(self, claim: Claim, text: str, *, kept: int) -> None:
        """Give the shard back, for another attempt a little later; after the last one the job has failed."""

        async def work(group: Group) -> Any:
            if await _is_mine(group, claim):
                now = _now()
                key = claim.job.id, claim.shard.number
                ((attempts,),) = await group.session.fetch(_FAILED, *key, now, _RETRY_MILLISECONDS)
                if attempts >= ATTEMPTS:
                    await group.session.fetch(_END, claim.job.id, "failed", now + kept, text)

        await self._writer.commit(Commit(work=work))

    async def cancel(self, job_id: str, owner: str) -> None:
        """End it; nobody finds it any more. Raises NotFound."""
        await self.find(job_id, owner)

        async def work(group: Group) -> Any:
            await group.session.fetch(_CANCEL, job_id, _now() + GRACE_MILLISECONDS)

        await self._writer.commit(Commit(work=work))

    async def expired(self, kinds: Sequence[str]) -> list[tuple[str, str]]:
        """Id and kind of some of those kinds that are cancelled, or kept no longer."""
        async with self._database.reading() as session:
            return [(row[0], row[1]) for row in await session.fetch(_of_kinds(_OLD, kinds), _now(), *kinds)]

    async def forget(self, job_id: str) -> None:
        """Remove its rows."""

        async def work(group: Group) -> Any:
            await group.session.run_all([(statement, [(job_id,)]) for statement in _FORGET])

        await self._writer.commit(Commit(work=work))

    async def release(self) -> None:
        """Take every lease back: for a database that only one process uses, at its start."""

        async def work(group: Group) -> Any:
            await group.session.fetch(_RELEASE)

        await self._writer.commit(Commit(work=work))

    async def _held(self, work: Any) -> None:
        if not await self._writer.commit(Commit(work=work)):
            raise LeaseLost


def _of_kinds(statement: str, kinds: Sequence[str]) -> str:
    """With a parameter for each, behind the first."""
    return statement.format(kinds=", ".join(f"${number}" for number in range(2, 2 + len(kinds))))


async def _is_mine(group: Group, claim: Claim) -> bool:
    return bool(await group.session.fetch(_MINE, claim.job.id, claim.shard.number, claim.worker))


def _shard_rows(job_id: str, first: int, shards: Sequence[NewShard]) -> list[Row]:
    return [(job_id, first + place, one.phase, one.work) for place, one in enumerate(shards)]


def _now() -> int:
    return time.time_ns() // 1_000_000
