"""Jobs take turns, what fails is tried again, and nothing stops whoever does them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.jobs import ATTEMPTS, Job, NewShard
from fhir_service.storage.repository import Repository
from fhir_service.workflows.job_runner import JobLimits, JobRunner, Work

LIMITS = JobLimits(lease=5)
SHARDS = [NewShard("{}")] * 3


class Kind:
    """Fails as often as it is told to, and cannot clean up at first."""

    failure = "it failed"

    def __init__(self, *faults: Exception) -> None:
        self._faults = list(faults)
        self._uncleaned = 1
        self.done: list[str] = []
        self.cleaned: list[str] = []
        self.ended = asyncio.Event()

    async def run(self, work: Work) -> None:
        if self._faults:
            raise self._faults.pop()
        await work.advance("", done=True)
        self.done.append(work.claim.job.id)

    async def clean(self, job_id: str) -> None:
        if self._uncleaned:
            self._uncleaned -= 1
            raise OSError("the object store does not answer")
        self.cleaned.append(job_id)
        if self.done:
            self.ended.set()


async def begun(repository: Repository, shards: list[NewShard] = SHARDS) -> Job:
    return await repository.jobs.begin("some", "", "{}", shards, most=9)


async def test_a_small_job_does_not_wait_for_a_large_one(repository: Repository) -> None:
    first, second = await begun(repository), await begun(repository)
    served = []
    for _ in range(6):
        claim = await repository.jobs.claim("worker", LIMITS.lease, ("some",))
        assert claim is not None
        await asyncio.sleep(0.002)  # later by the clock of leases
        await repository.jobs.advance(claim, "", LIMITS.lease, done=True)
        served.append(claim.job.id)
    assert served[:4] in ([first.id, second.id] * 2, [second.id, first.id] * 2)
    assert await repository.jobs.claim("worker", LIMITS.lease, ("some",)) is None


async def test_a_fault_that_passes_is_got_over_and_one_that_cleans_up_stops_nobody(repository: Repository) -> None:
    gone = await begun(repository)
    await repository.jobs.cancel(gone.id, "")
    kind = Kind(RuntimeError("once"))
    runner = JobRunner(repository.jobs, {"some": kind}, LIMITS)
    job = await begun(repository, SHARDS[:1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository.jobs, "expired", _always(gone.id))
        runner.start()
        await asyncio.wait_for(kind.ended.wait(), 20)
        await runner.close()
    assert (await repository.jobs.find(job.id)).state == "complete"
    assert kind.done == [job.id]


async def test_that_the_store_does_not_answer_is_no_failure_of_a_job(repository: Repository) -> None:
    job = await begun(repository, SHARDS[:1])
    for _ in range(ATTEMPTS + 1):
        runner = JobRunner(repository.jobs, {"some": Kind(StoreUnavailable("it restarts"))}, LIMITS)
        runner.start()
        await asyncio.sleep(0.02)
        await runner.close()
        await repository.jobs.release()
    assert (await repository.jobs.find(job.id)).state == "running"


def _always(job_id: str) -> Callable[[Sequence[str]], Awaitable[list[tuple[str, str]]]]:
    async def expired(kinds: Sequence[str]) -> list[tuple[str, str]]:
        return [(job_id, "some")]

    return expired
