"""What was acknowledged is there after a restart. What is there after a crash is held by `tests/crash/`."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import Gone, StoreUnavailable
from fhir_service.storage.repository import Create, Delete, Repository, Update, open_repository


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
    for session in database._readers._reads._free:
        await session.close()
    await repository.commit([Create("Patient", patient(), "b")], OPEN)
    results = []
    for _ in range(10):
        try:
            results.append((await repository.read("Patient", "b", OPEN)).id)
        except StoreUnavailable:
            continue
    assert "b" in results
