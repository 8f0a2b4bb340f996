"""What AuditEvents cost a read, on both databases: `python bench/audit.py [--json]`.

The whole application is asked in this process, by eight clients at once, with and without, in turn. CPU time is that of
the process with all its threads until the last AuditEvent is durable; the wait is what a client sees.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from typing import Any

from databases import NAMES, database_url
from resources import observation
from starlette.types import ASGIApp, Message

from fhir_service.api.app import create_app
from fhir_service.fhir.access import OPEN
from fhir_service.settings import Settings
from fhir_service.storage.repository import Create, Repository, open_repository

CLIENTS = 8
READS = 3000
RESOURCES = 500
_HEADERS = [(b"host", b"localhost"), (b"accept", b"application/fhir+json")]


async def ask(app: ASGIApp, path: str) -> None:
    """One GET. Raises AssertionError where it is not answered with 200."""
    where, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "headers": _HEADERS,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    assert status == 200, (path, status)  # a benchmark of refusals would be fast


async def run(app: Any, paths: list[str]) -> tuple[float, float, float]:
    """CPU ms a request, median ms and 99th percentile of the wait."""
    numbers = iter(range(READS))
    taken: list[float] = []

    async def client() -> None:
        for number in numbers:
            start = time.perf_counter()
            await ask(app, paths[number % len(paths)])
            taken.append(time.perf_counter() - start)

    begun = time.process_time()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    if (accesses := app.state.service.accesses) is not None:
        await accesses.flush()
    spent = time.process_time() - begun
    return spent / READS * 1000, statistics.median(taken) * 1000, statistics.quantiles(taken, n=100)[98] * 1000


async def measured(url: str, rounds: int) -> dict[str, dict[str, float]]:
    repository = await open_repository(url)
    try:
        made = await repository.commit(
            [Create("Observation", observation(number)) for number in range(RESOURCES)], OPEN
        )
        reads = [f"/fhir/Observation/{one.id}" for one in made]
        searches = [f"/fhir/Observation?patient=p{number}" for number in range(RESOURCES // 20)]
        return {
            "read": await compared(repository, reads, rounds),
            "search of 20": await compared(repository, searches, rounds),
        }
    finally:
        await repository.close()


async def compared(repository: Repository, paths: list[str], rounds: int) -> dict[str, float]:
    apps = {audit: create_app(Settings.model_construct(audit=audit), repository) for audit in ("off", "on")}
    found: dict[str, list[tuple[float, float, float]]] = {audit: [] for audit in apps}
    for number in range(rounds + 1):
        for audit, app in apps.items():
            figures = await run(app, paths)
            if number:  # the first round warms up
                found[audit].append(figures)
    (cpu, median, late), (cpu_on, median_on, late_on) = (
        tuple(statistics.median(column) for column in zip(*found[audit], strict=True)) for audit in ("off", "on")
    )
    return {
        "CPU ms without": round(cpu, 3),
        "CPU ms with": round(cpu_on, 3),
        "median ms without": round(median, 2),
        "median ms with": round(median_on, 2),
        "p99 ms without": round(late, 2),
        "p99 ms with": round(late_on, 2),
        "CPU ms added": round(cpu_on - cpu, 3),
        "p99 with to without": round(late_on / late, 2),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--rounds", type=int, default=5)
    wanted = arguments.parse_args()
    found = {}
    for name in NAMES:
        with database_url(name) as url:
            found[name] = asyncio.run(measured(url, wanted.rounds))
    if wanted.json:
        print(json.dumps(found))
        return
    for name, kinds in found.items():
        for kind, figures in kinds.items():
            print(name, kind, *(f"{what}: {figure:,}" for what, figure in figures.items()), sep="  ")


if __name__ == "__main__":
    main()
