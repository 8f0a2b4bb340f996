"""The service is killed while clients write: what it acknowledged is there, and nothing is there in part."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from failing_store import no_writes_to_database, no_writes_to_files
from served_process import ServedProcess
from stored_writes import audit_faults, killed_while_writing, newest_place, problems, stored_after
from writer_load import Ledger

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "100"))
"""Of the long form; fewer where the machine is slow."""
JSON = {"content-type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "birthDate": "1950"}


@asynccontextmanager
async def without_writes(server: ServedProcess, database_url: str) -> AsyncIterator[None]:
    if database_url.startswith("sqlite"):
        with no_writes_to_files(server):
            yield
    else:
        async with no_writes_to_database(database_url):
            yield


async def refused_and_served_again(server: ServedProcess, database_url: str) -> None:
    """Where nothing can be written a write is answered 503 and a read as ever; when it can, all goes on by itself."""
    async with httpx.AsyncClient(base_url=server.base, headers=JSON) as client:
        made = (await client.post("/fhir/Patient", json=PATIENT)).json()
        async with without_writes(server, database_url), asyncio.timeout(30):
            stored = 1
            while (answer := await client.post("/fhir/Patient", json=PATIENT)).status_code == 201:
                stored += 1  # PostgreSQL takes a moment to read its settings
            assert (answer.status_code, answer.json()["resourceType"]) == (503, "OperationOutcome")
            assert "retry-after" in answer.headers
            assert (await client.get(f"/fhir/Patient/{made['id']}")).json() == made
            assert (await client.get("/readyz/writes")).status_code == 503
            told = await client.get("/readyz")
            assert (told.status_code, told.json()["writes"]) == (200, "refused")
        await server.until_ready(client)
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.post("/fhir/Patient", json=PATIENT)).status_code == 201
        assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == stored + 1


async def test_a_service_recovers_by_itself_and_loses_nothing_it_acknowledged_when_it_is_killed(
    database_url: str, tmp_path: Path
) -> None:
    async with ServedProcess(tmp_path, database_url, FHIR_SERVICE_AUDIT="on") as server:
        await refused_and_served_again(server, database_url)
        before = await newest_place(database_url)
        ledger = await killed_while_writing(server, "r", 80, random.Random(1))
    assert ledger.faults(await stored_after(database_url, before)) == []
    assert await problems(database_url) == []


@pytest.mark.long
async def test_a_hundred_killed_services_lose_nothing_and_start_again(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    server = ServedProcess(tmp_path, database_url, FHIR_SERVICE_AUDIT="on")
    before, ledger = 0, Ledger()
    with ExitStack() as at_the_end:
        at_the_end.callback(server.kill)
        for number in range(ROUNDS + 1):
            await server.start()
            assert ledger.faults(await stored_after(database_url, before)) == [], number
            if number % 10 == 0 or number == ROUNDS:
                assert await problems(database_url) == []
            if number < ROUNDS:
                before = await newest_place(database_url)
                sent = signal.SIGTERM if number % 5 == 4 else signal.SIGKILL
                ledger = await killed_while_writing(server, f"r{number}", chance.randrange(1, 400), chance, sent)
    assert await audit_faults(database_url) == []
