"""A reader that is cancelled, whenever that is, leaves nothing on the connection that is lent next."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.storage.repository import Create, Repository, Update

_VERSION = "SELECT version FROM resource_current WHERE type = 'Patient' AND id = 'a'"


@pytest.mark.parametrize("at", ["BEGIN", "SELECT", "ROLLBACK"])
@pytest.mark.parametrize("before", [True, False], ids=["before it", "behind it"])
async def test_a_snapshot_that_is_cancelled_is_not_read_by_others(
    repository: Repository, at: str, before: bool
) -> None:
    await repository.commit([Create("Patient", patient(), "a")], OPEN)
    readers = repository._database._readers
    async with readers.snapshot() as session:
        pass
    lent: Any = session
    fetch, there = lent.fetch, asyncio.Event()

    async def slow(statement: str, *values: object) -> object:
        if not statement.startswith(at):
            return await fetch(statement, *values)
        if before:
            there.set()
            await asyncio.sleep(0.1)
        found = await fetch(statement, *values)
        if not before:
            there.set()
            await asyncio.sleep(0.1)
        return found

    async def read() -> None:
        async with readers.snapshot() as same:
            assert same is session
            await same.fetch(_VERSION)

    lent.fetch = slow
    reading = asyncio.create_task(read())
    await there.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    lent.fetch = fetch
    for version in (1, 2):
        async with readers.searching() as again:
            assert [tuple(row) for row in await again.fetch(_VERSION)] == [(version,)]
        await repository.commit([Update("Patient", "a", patient(active=True))], OPEN)
