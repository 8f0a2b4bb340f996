"""Files of small resources into an empty store, validated and indexed: `python bench/load.py [--json] [--full]`.

As `fhir-service import` does it, with a process for each core, on SQLite and on PostgreSQL that syncs to disk. The rate
counts from the first batch that is durable, as processes take a moment to start; a million resources with `--full`.
Memory is that of the process that writes, without what it maps of files.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from bisect import bisect_left, bisect_right
from functools import partial
from pathlib import Path

import http_load
from databases import NAMES, database_url
from resources import OF_A_PATIENT, observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.settings import Settings
from fhir_service.storage.repository import open_repository
from fhir_service.workflows.import_check import look_at_all
from fhir_service.workflows.import_files import import_texts
from fhir_service.workflows.resource_files import texts_of
from fhir_service.workflows.worker_processes import cores

SOME, MANY = 60_000, 1_000_000
TENTHS = 10
TYPES = {"p": b"Patient", "o": b"Observation"}


def write(file: Path, count: int, start: int = 0) -> None:
    """Patients, and the observations of each behind it: those from number `start` up to `count`."""
    with file.open("wb") as lines:
        for number in range(start, count):
            of_patient, place = divmod(number, OF_A_PATIENT + 1)
            kind, text = ("p", patient(of_patient)) if place == 0 else ("o", observation(number - of_patient - 1))
            shown = b'{"resourceType":"%s","id":"%s%d",' % (TYPES[kind], kind.encode(), number if place else of_patient)
            lines.write(shown + text.partition(b",")[2].lstrip() + b"\n")


async def loaded(url: str, file: Path, count: int) -> tuple[list[tuple[float, int]], float]:
    """The times at which batches were durable, and how many resources there were then; the most megabytes at one."""
    repository = await open_repository(url)
    times: list[tuple[float, int]] = []
    there, most = 0, 0.0
    texts = texts_of([str(file)], max_bytes=2**24)
    look = partial(look_at_all, rules=Settings.model_construct().import_rules, make=repository.make_block)
    try:
        async for batch in import_texts(repository, texts, look, OPEN, workers=cores()):
            there += len(batch.outcomes)
            times.append((time.perf_counter(), there))
            most = max(most, http_load.own_megabytes(os.getpid()))
    finally:
        await repository.close()
    assert there == count, there
    return times, most


def rate(times: list[tuple[float, int]], low: int, high: int) -> float:
    """Resources a second between these counts, as far as batches tell."""
    counts = [count for _, count in times]
    begin = max(0, bisect_right(counts, low) - 1)
    end = min(max(bisect_left(counts, high), begin + 1), len(times) - 1)
    begin = min(begin, end - 1)
    return (counts[end] - counts[begin]) / (times[end][0] - times[begin][0])


def measured(name: str, file: Path, count: int) -> dict[str, float]:
    before = http_load.own_megabytes(os.getpid())
    with database_url(name) as url:
        times, most = asyncio.run(loaded(url, file, count))
    first, last = rate(times, 0, count // TENTHS), rate(times, count - count // TENTHS, count)
    return {
        "resources a second": round(rate(times, 0, count)),
        "last tenth beside the first": round(last / first, 2),
        "MB grown": round(most - before),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--store", choices=NAMES, action="append")
    asked = parser.parse_args()
    count = asked.rows or (MANY if asked.full else SOME)
    with tempfile.TemporaryDirectory(prefix="fhir-service-bench-") as folder:
        file = Path(folder) / "resources.ndjson"
        write(file, count)
        found = {name: measured(name, file, count) for name in asked.store or NAMES}
    print(json.dumps(found) if asked.json else "\n".join(f"{name}: {figures}" for name, figures in found.items()))


if __name__ == "__main__":
    main()
