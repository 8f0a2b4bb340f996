"""A process that imports is killed half-way: another goes on behind its last checkpoint, nothing is stored twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from api_client import settings
from served_process import ServedProcess

from fhir_service.fhir.access import OPEN
from fhir_service.storage.jobs import Job
from fhir_service.storage.repository import Repository
from fhir_service.workflows.do_jobs import runner_of
from fhir_service.workflows.import_manifest import manifest
from fhir_service.workflows.import_request import KIND, ImportInput, ImportRequest
from fhir_service.workflows.job_runner import start_jobs
from fhir_service.workflows.run_import import point_of, shards_of

COUNT = 5_000
REFUSED = b'{"resourceType":"Patient"}\n'
"""It has no id."""


async def when(repository: Repository, job_id: str, lines: int) -> Job:
    """As soon as so many lines count, or it is done."""
    async with asyncio.timeout(120):
        job = await repository.jobs.find(job_id)
        while job.state == "running" and _line(job) < lines:
            await asyncio.sleep(0.005)
            job = await repository.jobs.find(job_id)
    return job


def _line(job: Job) -> int:
    return point_of(job.shards[0].checkpoint).line


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
async def test_a_killed_import_is_taken_up_again(repository: Repository, database_url: str, tmp_path: Path) -> None:
    texts = b"".join(b'{"resourceType":"Patient","id":"p%d","active":true}\n' % number for number in range(COUNT))
    (tmp_path / "p.ndjson").write_bytes(REFUSED + texts + REFUSED)
    base = "http://localhost/fhir"
    request = ImportRequest(f"{base}/$import", base, "https://a.example", (ImportInput("Patient", "file:p.ndjson"),))
    begun = await repository.jobs.begin(KIND, "", request.text(), shards_of(request), most=1)
    given: dict[str, Any] = {"import_folder": str(tmp_path), "export_files": str(tmp_path / "jobs")}
    given |= {"import_workers": 0, "job_lease": 1.0}
    named = {f"FHIR_SERVICE_{name.upper()}": str(value) for name, value in given.items()}
    process = ServedProcess(tmp_path, database_url, *(("worker",) if repository.shared else ()), **named).begin()
    await when(repository, begun.id, 1)
    process.kill()
    half = await repository.jobs.find(begun.id)
    assert (half.state, 0 < _line(half) < COUNT) == ("running", True)
    runner = runner_of(repository, settings(**given).job_settings)
    try:
        await start_jobs(repository, runner)
        done = await when(repository, begun.id, COUNT * 2)
    finally:
        await runner.close()
    assert done.state == "complete"
    told = manifest(done)
    counts = told["output"][0]["extension"]
    assert (counts["created"] + counts["unchanged"], counts["updated"]) == (COUNT, 0)
    assert [error["count"] for error in told["error"]] == [2]
    stored = await repository.newest([("Patient", f"p{number}") for number in range(COUNT)], OPEN)
    assert {one.version for one in stored.values()} == {1}
    assert len(stored) == COUNT
