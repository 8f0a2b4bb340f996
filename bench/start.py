"""How long `fhir-service serve` takes to its first answer, and what it holds then: `python bench/start.py [--json]`.

Over a database that is migrated and has the definitions of the service, with access control on. Ready is the first 200
of /readyz; CPU is what the process has used until then, which others on the machine change little. Memory is measured
when what is loaded behind the start is there, and nothing was asked.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import http_load
from databases import NAMES, database_url
from served import ours

_QUIET_SECONDS = 0.5
_LOOKS = 60


def measured(url: str, name: str, rounds: int) -> dict[str, float]:
    with ours(name, url):
        pass  # migrates, and publishes the definitions
    found = []
    for _ in range(rounds):
        with ours(name, url) as server:
            cpu = http_load.cpu_seconds(server.process)
            found.append((server.seconds_to_ready, cpu, idle_megabytes(server.process)))
    ready, cpu, memory = (statistics.median(column) for column in zip(*found, strict=True))
    return {"s to ready": round(ready, 2), "CPU s to ready": round(cpu, 2), "MB idle": round(memory)}


def idle_megabytes(process: int) -> float:
    """Once the process does nothing any more."""
    spent = http_load.cpu_seconds(process)
    for _ in range(_LOOKS):
        time.sleep(_QUIET_SECONDS)
        before, spent = spent, http_load.cpu_seconds(process)
        if spent - before < 0.02:
            break
    return http_load.resident_megabytes(process)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    wanted = arguments.parse_args()
    found = {}
    for name in NAMES:
        with database_url(name) as url:
            found[name] = measured(url, name, wanted.rounds)
    print(json.dumps(found) if wanted.json else "\n".join(f"{name:11} {figures}" for name, figures in found.items()))


if __name__ == "__main__":
    main()
