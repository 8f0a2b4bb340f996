"""Durable creates a second, one client and 32, on both databases: `python bench/write_rate.py [--json]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time

from databases import NAMES, database_url
from resources import observation

from fhir_service.fhir.access import OPEN
from fhir_service.storage.repository import Create, Repository, open_repository

CLIENTS = 32


async def rate(repository: Repository, clients: int, creates: int) -> float:
    """Creates a second by so many clients, each of which waits for its answers."""
    numbers = iter(range(creates))

    async def client() -> None:
        for number in numbers:
            await repository.commit([Create("Observation", observation(number))], OPEN)

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return creates / (time.perf_counter() - start)


async def measured(url: str, creates: int, runs: int) -> dict[str, float]:
    repository = await open_repository(url)
    try:
        await rate(repository, CLIENTS, creates // 4)
        single = [await rate(repository, 1, creates // 4) for _ in range(runs)]
        many = [await rate(repository, CLIENTS, creates) for _ in range(runs)]
    finally:
        await repository.close()
    return {"single": round(statistics.median(single)), f"{CLIENTS} clients": round(statistics.median(many))}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--creates", type=int, default=4000)
    arguments.add_argument("--runs", type=int, default=3)
    wanted = arguments.parse_args()
    found = {}
    for name in NAMES:
        with database_url(name) as url:
            found[name] = asyncio.run(measured(url, wanted.creates, wanted.runs))
    if wanted.json:
        print(json.dumps(found))
        return
    for name, rates in found.items():
        print(name, *(f"{clients}: {rate:,.0f}/s" for clients, rate in rates.items()), sep="  ")


if __name__ == "__main__":
    main()
