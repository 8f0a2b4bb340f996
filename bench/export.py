"""An export beside the rows themselves, read raw: `python bench/export.py [--json] [--rows N]`.

On each database the same small resources, as `$export` writes them to files and as a raw cursor (SQLite) or COPY … TO
STDOUT (PostgreSQL) gives them, in one run; and what memory grew by. A million rows (--rows 1000000) take minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sqlite3
import tempfile
import time
from pathlib import Path

import asyncpg
from databases import NAMES, database_url
from resources import observation

from fhir_service.fhir.access import OPEN
from fhir_service.storage.repository import Create, Repository, open_repository
from fhir_service.workflows.do_jobs import JobSettings, runner_of
from fhir_service.workflows.export_manifest import files_of
from fhir_service.workflows.export_plan import first_shards
from fhir_service.workflows.export_request import KIND, ExportRequest

BATCH = 1000
QUERY = "SELECT text FROM resource_current WHERE type = 'Observation' AND NOT deleted"


async def filled(repository: Repository, rows: int) -> None:
    for start in range(0, rows, BATCH):
        made = [Create("Observation", observation(number)) for number in range(start, min(start + BATCH, rows))]
        await repository.commit(made, OPEN)


async def exported(repository: Repository, folder: str, rows: int) -> float:
    """Seconds to the manifest."""
    request = ExportRequest("system", "http://localhost/fhir/$export", "http://localhost/fhir", ("Observation",))
    start = time.perf_counter()
    job = await repository.jobs.begin(KIND, "", request.text(), first_shards(), most=100)
    runner = runner_of(repository, JobSettings(folder))
    runner.look()
    while (done := await repository.jobs.find(job.id)).state == "running":  # noqa: ASYNC110  # another process may end a job: its row is asked, nothing tells us
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - start
    await runner.close()
    assert sum(file.count for file in files_of(done)) == rows, done
    return seconds


async def raw(name: str, url: str) -> float:
    start = time.perf_counter()
    if name == "sqlite":
        await asyncio.to_thread(_cursor, url.partition("///")[2])
    else:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await connection.copy_from_query(QUERY, output=_drop)
        finally:
            await connection.close()
    return time.perf_counter() - start


def _cursor(file: str) -> int:
    connection = sqlite3.connect(file)
    try:
        return sum(len(row[0]) for row in connection.execute(QUERY))
    finally:
        connection.close()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.ndjson"))


async def _drop(_: bytes) -> None:
    """COPY to nowhere."""


async def measured(name: str, rows: int) -> dict[str, float]:
    with database_url(name) as url, tempfile.TemporaryDirectory(prefix="fhir-service-bench-") as folder:
        repository = await open_repository(url)
        try:
            await filled(repository, rows)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            pairs = [(await exported(repository, folder, rows), await raw(name, url)) for _ in range(3)]
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        finally:
            await repository.close()
        size = _size(Path(folder)) / len(pairs)
    export, bare = (min(column) for column in zip(*pairs, strict=True))
    return {
        "resources a second": round(rows / export),
        "MB a second": round(size / export / 1e6),
        "raw rows a second": round(rows / bare),
        "times as long": round(export / bare, 2),
        "MB grown": round((after - before) / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    asked = parser.parse_args()
    found = {name: asyncio.run(measured(name, asked.rows)) for name in NAMES}
    print(json.dumps(found) if asked.json else "\n".join(f"{name}: {figures}" for name, figures in found.items()))


if __name__ == "__main__":
    main()
