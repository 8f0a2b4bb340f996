"""Files of small resources into an empty store, validated and indexed: `python bench/load.py [--json] [--full]`.

As `fhir-service import` does it, with a process for each core, on SQLite and on PostgreSQL that syncs to disk. The rate
counts from the first batch that is durable, as processes take a moment to start; a million resources with `--full`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from bisect import bisect_left, bisect_right
from functools import partial
from pathlib import Path

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


def write(file: Path, count: int, start: int = 0) -> None:
    """Patients, and the observations of each behind it: those from number `start` up to `count`."""
    with file.open("wb") as lines:
        for number in range(start, count):
            of_patient, place = divmod(number, OF_A_PATIENT + 1)
            kind, text = ("p", patient(of_patient)) if place == 0 else ("o", observation(number - of_patient - 1))
            lines.write(b'{"id":"%s%d",%s\n' % (kind.encode(), of_patient if place == 0 else number, text[1:]))


async def loaded(url: str, file: Path, count: int) -> list[tuple[float, int]]:
    """The times at which batches were durable, and how many resources there were then."""
    repository = await open_repository(url)
    times: list[tuple[float, int]] = []
    there = 0

    texts = texts_of([str(file)], max_bytes=2**24)
    look = partial(look_at_all, rules=Settings.model_construct().import_rules)
    try:
        async for batch in import_texts(repository, texts, look, OPEN, workers=cores()):
            there += len(batch.outcomes)
            times.append((time.perf_counter(), there))
    finally:
        await repository.close()
    assert there == count, there
    return times


def rate(times: list[tuple[float, int]], low: int, high: int) -> float:
    """Resources a second between these counts, as far as batches tell."""
    counts = [count for _, count in times]
    begin = max(0, bisect_right(counts, low) - 1)
    end = min(max(bisect_left(counts, high), begin + 1), len(times) - 1)
    begin = min(begin, end - 1)
    return (counts[end] - counts[begin]) / (times[end][0] - times[begin][0])


def measured(name: str, file: Path, count: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with database_url(name) as url:
        times = asyncio.run(loaded(url, file, count))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    first, last = rate(times, 0, count // TENTHS), rate(times, count - count // TENTHS, count)
    return {
        "resources a second": round(rate(times, 0, count)),
        "last tenth beside the first": round(last / first, 2),
        "MB grown": round(grown / 1024),
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
