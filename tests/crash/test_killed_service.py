"""The service is killed while clients write: what it acknowledged is there, and nothing is there in part."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from served_process import ServedProcess
from stored_writes import audit_faults, killed_while_writing, newest_place, problems, stored_after
from writer_load import Ledger


async def test_all_that_a_killed_service_acknowledged_is_there_and_nothing_in_part(
    database_url: str, tmp_path: Path
) -> None:
    server = await ServedProcess(tmp_path, database_url, FHIR_SERVICE_AUDIT="on").start()
    before = await newest_place(database_url)
    ledger = await killed_while_writing(server, "r", 120, random.Random(1))
    assert ledger.faults(await stored_after(database_url, before)) == []
    assert await problems(database_url) == []


@pytest.mark.long
async def test_a_hundred_killed_services_lose_nothing_and_start_again(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    server = ServedProcess(tmp_path, database_url, FHIR_SERVICE_AUDIT="on")
    before, ledger = 0, Ledger()
    for number in range(101):
        await server.start()
        assert ledger.faults(await stored_after(database_url, before)) == [], number
        if number % 10 == 0:
            assert await problems(database_url) == []
        if number < 100:
            before = await newest_place(database_url)
            ledger = await killed_while_writing(server, f"r{number}", chance.randrange(1, 400), chance)
    assert await audit_faults(database_url) == []
    server.end()
