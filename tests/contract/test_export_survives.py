"""A worker is killed half-way: another goes on behind its last checkpoint, no line comes twice and none is lost."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from object_store import bucket
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.storage.jobs import Job
from fhir_service.storage.repository import Create, Repository
from fhir_service.workflows.do_jobs import JobSettings, runner_of
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.export_manifest import files_of
from fhir_service.workflows.export_plan import first_shards
from fhir_service.workflows.export_request import KIND, ExportRequest
from fhir_service.workflows.job_runner import JobLimits, start_jobs

TESTS = Path(__file__).resolve().parent.parent
RESOURCES = 300
FILE_BYTES = 2000
LEASE = 1.0
WORKER = """
import asyncio, sys
from fhir_service.storage.repository import open_repository
from fhir_service.workflows import export_files
from fhir_service.workflows.do_jobs import JobSettings, runner_of
from fhir_service.workflows.job_runner import JobLimits

url, folder, file_bytes, lease = sys.argv[1:]
close = export_files.ExportFile.close

async def slow_close(self):
    await asyncio.sleep(0.02)
    await close(self)
    print("a file", flush=True)

async def main():
    export_files.ExportFile.close = slow_close
    store = await open_repository(url)
    runner_of(store, JobSettings(folder, file_bytes=int(file_bytes), limits=JobLimits(float(lease)))).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def begun_worker(database_url: str, place: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, database_url, place, str(FILE_BYTES), str(LEASE)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=TESTS, text=True)


def wait_for(process: subprocess.Popen[str], files: int) -> None:
    assert process.stdout is not None
    for _ in range(files):
        assert process.stdout.readline() == "a file\n"


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


async def completed(repository: Repository, job_id: str) -> Job:
    while (job := await repository.jobs.find(job_id)).state == "running":  # noqa: ASYNC110  # it ends in another process
        await asyncio.sleep(0.02)
    assert job.state == "complete"
    return job


async def lines_of(place: str, job: Job) -> list[bytes]:
    files = ExportFiles(place)
    made = [(f"{job.id}/{file.name}", file.bytes) for file in files_of(job)]
    return b"".join([piece for name, size in made async for piece in files.read(name, 0, size)]).splitlines()


async def one_death(repository: Repository, database_url: str, place: str) -> None:
    """`place` is where exported files are kept."""
    names = {(await repository.commit([Create("Patient", patient())], OPEN))[0].id for _ in range(RESOURCES)}
    request = ExportRequest("system", "http://localhost/fhir/$export", "http://localhost/fhir", ("Patient",))
    job = await repository.jobs.begin(KIND, "", request.text(), first_shards(), most=100)
    first = begun_worker(database_url, place)
    await asyncio.to_thread(wait_for, first, 1)  # it has the one shard that there is to do
    if repository.shared:
        second = begun_worker(database_url, place)
        await asyncio.to_thread(wait_for, first, 3)
        kill(first)
        done = await completed(repository, job.id)
        kill(second)
    else:
        await asyncio.to_thread(wait_for, first, 3)
        kill(first)
        limits = JobLimits(LEASE)
        runner = runner_of(repository, JobSettings(place, file_bytes=FILE_BYTES, limits=limits))
        await start_jobs(repository, runner)
        done = await completed(repository, job.id)
        await runner.close()
    made = files_of(done)
    found = [json.loads(line)["id"] for line in await lines_of(place, done)]
    assert len(found) == len(set(found)) == sum(file.count for file in made)
    assert names <= set(found)
    assert len(made) > 3


async def test_a_killed_worker_loses_no_line_and_repeats_none(
    repository: Repository, database_url: str, tmp_path: Path
) -> None:
    await one_death(repository, database_url, str(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_killed_workers_that_share_an_object_store_do_neither(repository: Repository, database_url: str) -> None:
    with bucket() as place:
        await one_death(repository, database_url, place)


@pytest.mark.long
async def test_twenty_killed_workers_lose_no_line_and_repeat_none(
    repository: Repository, database_url: str, tmp_path: Path
) -> None:
    for _ in range(20):
        await one_death(repository, database_url, str(tmp_path))
