"""PostgreSQL is killed under a service that clients write to: the service recovers by itself, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from postgres import PostgresServer
from served_process import ServedProcess
from stored_writes import audit_faults, newest_place, problems, stored_after, writing

from fhir_service.storage.repository import open_repository

KILLS = 20


@pytest_asyncio.fixture
async def own_postgresql() -> AsyncIterator[PostgresServer]:
    """A server that no other case uses, with a migrated database `postgres`."""
    server = PostgresServer()
    await asyncio.to_thread(server.start)
    await (await open_repository(server.url("postgres"))).close()
    yield server
    await asyncio.to_thread(server.stop)


async def kill_once(number: int, postgresql: PostgresServer, client: httpx.AsyncClient, chance: random.Random) -> None:
    """Every third time one backend alone, which makes the server throw out all others and recover."""
    if number % 3 == 0:
        os.kill(chance.choice(postgresql.backends()), signal.SIGKILL)
        return
    await asyncio.to_thread(postgresql.kill)
    await ServedProcess.until_ready(client, ready=False)
    await asyncio.to_thread(postgresql.restart)


@pytest.mark.long
async def test_twenty_killed_databases_lose_nothing_and_the_service_goes_on(
    own_postgresql: PostgresServer, tmp_path: Path
) -> None:
    chance = random.Random(11)
    url = own_postgresql.url("postgres")
    async with (
        ServedProcess(tmp_path, url, FHIR_SERVICE_AUDIT="on") as server,
        httpx.AsyncClient(base_url=server.base) as client,
    ):
        before, first = await newest_place(url), server.pid
        async with writing(server, "w", chance, asyncio.Event()) as ledger:
            for number in range(KILLS):
                await ledger.reaches(ledger.acknowledged + chance.randrange(20, 200))
                await kill_once(number, own_postgresql, client, chance)
                async with asyncio.timeout(240):
                    await ledger.reaches(ledger.acknowledged + 20)
                await ServedProcess.until_ready(client, ready=True)
        assert (server.lives, server.pid) == (True, first)
        server.end()
    assert ledger.faults(await stored_after(url, before)) == []
    assert await problems(url) == []
    assert await audit_faults(url) == []
