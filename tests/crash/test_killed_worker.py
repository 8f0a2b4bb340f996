"""A worker is killed half-way: another goes on behind its last checkpoint, no line comes twice and none is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from object_store import bucket
from served_process import ServedProcess
from sqlalchemy import text
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.storage.engines import open_engine
from fhir_service.storage.jobs import Job
from fhir_service.storage.repository import Create, Repository
from fhir_service.workflows.do_jobs import JobSettings, runner_of
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.export_manifest import files_of
from fhir_service.workflows.export_plan import first_shards
from fhir_service.workflows.export_request import KIND, ExportRequest
from fhir_service.workflows.job_runner import JobLimits, start_jobs

RESOURCES = 2000
SETTINGS = {"FHIR_SERVICE_EXPORT_FILE_BYTES": "4000", "FHIR_SERVICE_JOB_LEASE": "1"}
HOLDER = "SELECT worker FROM job_shard WHERE job_id = :job AND NOT done AND worker <> ''"


async def job_when(repository: Repository, job_id: str, reached: Callable[[Job], bool]) -> Job:
    async with asyncio.timeout(240):
        while not reached(job := await repository.jobs.find(job_id)):  # noqa: ASYNC110  # another process gets there
            await asyncio.sleep(0.005)
    return job


def half_done(job: Job) -> bool:
    assert job.state == "running", "it was done before anything was killed"
    return len(files_of(job)) >= 5


async def holder(database_url: str, job_id: str) -> int:
    """A process that has the lease of a shard."""
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        while (worker := (await connection.execute(text(HOLDER), {"job": job_id})).scalars().first()) is None:  # noqa: ASYNC110  # another process takes the next
            await asyncio.sleep(0.005)
    await engine.dispose()
    return int(worker.split(":")[1])


def begin_all(database_url: str, folder: Path, place: str, *, shared: bool) -> list[ServedProcess]:
    """Two workers; on a database of one process that process."""
    settings = SETTINGS | {"FHIR_SERVICE_EXPORT_FILES": place}
    if not shared:
        return [ServedProcess(folder, database_url, **settings).begin()]
    return [ServedProcess(folder, database_url, "worker", **settings).begin() for _ in range(2)]


async def lines_of(place: str, job: Job) -> list[list[bytes]]:
    """Of each file."""
    files = ExportFiles(place)
    return [
        b"".join([piece async for piece in files.read(f"{job.id}/{file.name}", 0, file.bytes)]).splitlines()
        for file in files_of(job)
    ]


async def one_death(
    repository: Repository, database_url: str, folder: Path, place: str = "", *, restart: bool = True
) -> None:
    """Where the database is one process's, it is restarted, or else this process goes on. `place` is where files are
    kept, in the folder if nothing is said."""
    place = place or str(folder / "exports")
    done = await repository.commit([Create("Patient", patient()) for _ in range(RESOURCES)], OPEN)
    names = {one.id for one in done}
    request = ExportRequest("system", "http://localhost/fhir/$export", "http://localhost/fhir", ("Patient",))
    job = await repository.jobs.begin(KIND, "", request.text(), first_shards(), most=100)
    processes = begin_all(database_url, folder, place, shared=repository.shared)
    runner = runner_of(repository, JobSettings(place, limits=JobLimits(lease=1.0)))
    try:
        await job_when(repository, job.id, half_done)
        pid = await holder(database_url, job.id)
        next(one for one in processes if one.pid == pid).kill()
        if not repository.shared and restart:
            processes += begin_all(database_url, folder, place, shared=False)
        elif not repository.shared:
            await start_jobs(repository, runner)
        job = await job_when(repository, job.id, lambda one: one.state != "running")
    finally:
        await runner.close()
        for process in processes:
            process.kill()
    assert job.state == "complete"
    made = files_of(job)
    lines = await lines_of(place, job)
    assert [len(one) for one in lines] == [file.count for file in made]
    found = [json.loads(line)["id"] for one in lines for line in one]
    assert len(found) == len(set(found)) == sum(file.count for file in made)
    assert names <= set(found)


async def test_a_killed_worker_loses_no_line_and_repeats_none(
    repository: Repository, database_url: str, tmp_path: Path
) -> None:
    await one_death(repository, database_url, tmp_path, restart=False)


@pytest.mark.long
async def test_killed_workers_that_share_an_object_store_do_neither(
    repository: Repository, database_url: str, tmp_path: Path
) -> None:
    with bucket() as place:
        await one_death(repository, database_url, tmp_path, place)


@pytest.mark.long
async def test_twenty_killed_workers_lose_no_line_and_repeat_none(
    repository: Repository, database_url: str, tmp_path: Path
) -> None:
    for _ in range(20):
        await one_death(repository, database_url, tmp_path)
