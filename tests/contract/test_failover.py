"""A database that is gone for a moment, as while another server takes over: who writes waits, who reads asks again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator

import asyncpg
import httpx
import pytest
from api_client import JSON, settings
from postgres import PostgresServer
from stored_resources import patient
from stored_writes import newest_place, problems, stored_after, writing_by

from fhir_service.api.app import create_app
from fhir_service.fhir.access import OPEN
from fhir_service.storage import writer
from fhir_service.storage.database import CommitUncertain
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.repository import Create, open_repository


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer(settings=("shared_buffers=16MB",))
    server.start()
    yield server
    server.stop()


async def end_connections(server: PostgresServer) -> None:
    connection = await asyncpg.connect(server.dsn())
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    await connection.close()


async def test_a_write_waits_for_a_database_that_begins_again(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PAUSES", (0.05,) * 1200)
    repository = await open_repository(server.url("postgres"))
    await repository.commit([Create("Patient", patient(), "before")], OPEN)
    server.kill()
    writing = asyncio.create_task(repository.commit([Create("Patient", patient(), "meanwhile")], OPEN))
    await asyncio.to_thread(server.restart)
    assert [outcome.id for outcome in await writing] == ["meanwhile"]
    assert (await repository.read("Patient", "before", OPEN)).version == 1
    assert (await repository.read("Patient", "meanwhile", OPEN)).version == 1
    await repository.close()


async def test_reads_whose_connections_were_ended_are_made_again(server: PostgresServer) -> None:
    repository = await open_repository(server.url("postgres"))
    await repository.commit([Create("Patient", patient(), "there")], OPEN)
    for _ in range(5):
        await end_connections(server)
        assert (await repository.read("Patient", "there", OPEN)).version == 1
    await repository.close()


async def test_a_commit_whose_end_nobody_saw_is_not_made_twice(server: PostgresServer) -> None:
    repository = await open_repository(server.url("postgres"))
    await repository.commit([Create("Patient", patient(), "first")], OPEN)
    session = repository._database._writer
    assert session is not None
    fetch = session.fetch
    asked = 0

    async def lose_the_end(statement: str, *values: object) -> object:
        nonlocal asked
        with unavailable_told():
            found = await fetch(statement, *values)
            if statement == "COMMIT":
                asked += 1
                raise ConnectionResetError
            return found

    session.fetch = lose_the_end  # type: ignore[method-assign]  # a connection that breaks behind its commit
    with pytest.raises(CommitUncertain, match="look whether it is there"):
        await repository.commit([Create("Patient", patient(), "uncertain")], OPEN)
    assert asked == 1
    assert (await repository.read("Patient", "uncertain", OPEN)).version == 1
    await repository.close()


async def test_a_server_that_is_killed_under_writers_loses_nothing_it_acknowledged(server: PostgresServer) -> None:
    url, chance = server.url("postgres"), random.Random(3)
    repository = await open_repository(url)
    before = await newest_place(url)
    transport = httpx.ASGITransport(create_app(settings(), repository))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=JSON) as client,
        writing_by(client, "k", chance, asyncio.Event()) as ledger,
        asyncio.timeout(120),
    ):
        await ledger.reaches(30)
        os.kill(chance.choice(server.backends()), signal.SIGKILL)  # it throws out all others, and recovers
        await ledger.reaches(ledger.acknowledged + 30)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.restart)
        await ledger.reaches(ledger.acknowledged + 30)
    await repository.close()
    assert ledger.faults(await stored_after(url, before)) == []
    assert await problems(url) == []
