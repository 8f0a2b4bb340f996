"""How much longer an answer takes among more resources: `python bench/growth.py [--json] [--full]`.

One `fhir-service serve` over a store that grows from 1,000 to 100,000 resources (a million with `--full`), asked over
HTTP by one client for many different patients: the median of its waits, and how many times that at 1,000 it is. Answers
are of one size at each, as a registry grows by patients and not by findings of each. Every size is told of as soon as
it is measured; one whose loading would take longer than `--minutes` leave, as that of the size before it went, is not
begun.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import http_load
from databases import NAMES, database_url, settle
from load import loaded, write
from resources import OF_A_PATIENT, code
from served import Server, ours

SIZES = (1_000, 10_000, 100_000)
FULL = (*SIZES, 1_000_000)
ASKED = 400
"""Different addresses of each kind."""
_GROUP = OF_A_PATIENT + 1


def read(number: int) -> str:
    return f"Patient/p{number}"


def by_patient_and_code(number: int) -> str:
    return f"Observation?patient=p{number}&code={code(number * OF_A_PATIENT)}"


def newest_by_date(number: int) -> str:
    return f"Observation?patient=p{number}&_sort=-date&_count=10"


def newest_of_all(number: int) -> str:
    return f"Observation?_sort=-date&_count={10 + number % 5}"


def everything(number: int) -> str:
    return f"Patient/p{number}/$everything"


KINDS: dict[str, Callable[[int], str]] = {
    "read": read,
    "search by patient and code": by_patient_and_code,
    "search by patient, newest first": newest_by_date,
    "search of all, newest first": newest_of_all,
    "$everything": everything,
}


def median_waits(server: Server, size: int, seconds: float) -> dict[str, float]:
    """In milliseconds, by kind; each kind is asked for a while before it is measured."""
    found = {}
    patients = size // _GROUP
    for kind, address in KINDS.items():
        asked = [server.get(address(number * 104_729 % patients)) for number in range(ASKED)]
        for _ in range(2):
            load = http_load.load(server.base, asked, server.process, seconds=seconds, connections=1)
        found[kind] = round(load.median, 3)
    return found


def measured(name: str, sizes: Sequence[int], seconds: float, minutes: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    before, rate, begun = 0, math.inf, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fhir-service-bench-") as folder, database_url(name) as url:
        for size in sizes:
            started = time.monotonic()
            if started + (size - before) / rate > begun + minutes * 60:
                _tell(name, f"{size} resources would take too long at {rate:.0f} a second")
                break
            file = Path(folder) / "resources.ndjson"
            write(file, size, before)
            asyncio.run(loaded(url, file, size - before))
            settle(url)
            rate = (size - before) / (time.monotonic() - started)
            before = size
            with ours(name, url) as server:
                waits = median_waits(server, size, seconds)
            for kind, wait in waits.items():
                found[kind][f"ms at {size}"] = wait
            _tell(name, f"{size} resources ({rate:.0f} a second): {waits}")
    for by_size in found.values():
        first, *_, last = by_size.values()
        by_size["times as long"] = round(last / first, 2)
    return found


def _tell(name: str, what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {name}, {what}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true", help="up to a million")
    parser.add_argument("--databases", nargs="+", default=NAMES)
    parser.add_argument("--sizes", nargs="+", type=int)
    parser.add_argument("--minutes", type=float, default=20.0, help="of each database, at most")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    wanted = parser.parse_args()
    sizes = wanted.sizes or (FULL if wanted.full else SIZES)
    found = {name: measured(name, sizes, wanted.seconds, wanted.minutes) for name in wanted.databases}
    if wanted.json:
        print(json.dumps(found))
        return
    for name, kinds in found.items():
        for kind, waits in kinds.items():
            print(f"{name:12}{kind:34}", *(f"{what}: {figure}" for what, figure in waits.items()), sep="  ")


if __name__ == "__main__":
    main()
