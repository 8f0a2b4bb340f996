"""What was acknowledged is there: after a restart, and after the process was killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import Gone, StoreUnavailable
from fhir_service.search.query import parse_query
from fhir_service.storage.repository import Create, Delete, Repository, Update, open_repository

TESTS = Path(__file__).resolve().parent.parent
WRITING_PROCESS = """
import asyncio, sys
from stored_resources import observation
from fhir_service.fhir.access import OPEN
from fhir_service.storage.repository import Create, Update, open_repository

async def write(store, client):
    number = 0
    while True:
        number += 1
        name = f"c{client}-{number}"
        await store.commit([Create("Observation", observation(), f"{name}{half}") for half in "ab"], OPEN)
        print(name, flush=True)

async def main():
    store = await open_repository(sys.argv[1])
    await asyncio.gather(*(write(store, client) for client in range(8)))

asyncio.run(main())
"""


def kill_while_writing(database_url: str) -> list[str]:
    """Start a process that writes, kill it, and tell which commits it said were done."""
    command = [sys.executable, "-c", WRITING_PROCESS, database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=TESTS, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(150)]
        process.kill()
        lines += process.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


async def test_an_existing_database_keeps_all(database_url: str) -> None:
    first = await open_repository(database_url)
    await first.commit([Create("Patient", patient(), "a"), Create("Patient", patient(), "b")], OPEN)
    await first.commit([Update("Patient", "a", patient(active=True)), Delete("Patient", "b")], OPEN)
    await first.close()
    again = await open_repository(database_url)
    assert b'"active":true' in (await again.read("Patient", "a", OPEN)).text
    assert (await again.vread("Patient", "b", 1, OPEN)).version == 1
    with pytest.raises(Gone):
        await again.read("Patient", "b", OPEN)
    (outcome,) = await again.commit([Update("Patient", "a", patient())], OPEN)
    assert outcome.version == 3
    await again.close()


async def test_a_killed_writer_leaves_every_acknowledged_transaction_and_no_half_one(database_url: str) -> None:
    acknowledged = await asyncio.to_thread(kill_while_writing, database_url)
    store = await open_repository(database_url)
    found: set[str] = set()
    query = parse_query("Observation", [("status", "final"), ("_count", "1000")])
    page = await store.search(query, OPEN)
    found.update(one.id for one in page.matches)
    while page.next:
        query = parse_query("Observation", [("status", "final"), ("_count", "1000"), ("_cursor", page.next)])
        page = await store.search(query, OPEN)
        found.update(one.id for one in page.matches)
    assert {f"{name}{half}" for name in acknowledged for half in "ab"} <= found
    assert {name[:-1] for name in found if name.endswith("a")} == {name[:-1] for name in found if name.endswith("b")}
    assert await store.count(parse_query("Observation", []), OPEN) == len(found)
    (outcome,) = await store.commit([Create("Observation", observation(), "after")], OPEN)
    assert outcome.version == 1
    await store.close()


async def test_a_healthy_store_says_so_and_a_closed_one_does_not(database_url: str) -> None:
    store = await open_repository(database_url)
    await store.health()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.health()


async def test_a_store_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("this is no database, and long enough to be looked at" * 50)
    for url in (f"sqlite+aiosqlite:///{tmp_path / 'file'}", "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"):
        with pytest.raises(StoreUnavailable):
            await open_repository(url)


async def test_a_lost_connection_fails_its_callers_and_the_next_ones_are_served(repository: Repository) -> None:
    await repository.commit([Create("Patient", patient(), "a")], OPEN)
    database = repository._database
    assert database._writer is not None
    await database._writer.close()
    for session in database._reads._free:
        await session.close()
    await repository.commit([Create("Patient", patient(), "b")], OPEN)
    results = []
    for _ in range(10):
        try:
            results.append((await repository.read("Patient", "b", OPEN)).id)
        except StoreUnavailable:
            continue
    assert "b" in results
