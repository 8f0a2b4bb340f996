"""What is written at once is bounded by its size too: many that write something large do so in one group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from stored_resources import patient
from stored_writes import problems

from fhir_service.fhir.access import OPEN
from fhir_service.storage import fresh_rows
from fhir_service.storage.fresh_rows import FreshRow
from fhir_service.storage.repository import Create, Repository
from fhir_service.storage.sessions import Session


async def test_fresh_resources_go_in_portions(
    repository: Repository, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_rows, "MANY_BYTES", 10_000)
    loader = repository._database.dialect.loader
    add, sizes = loader.add, []

    async def told(session: Session, fresh: Sequence[FreshRow], last_updated: int) -> None:
        sizes.append([len(row.before) + len(row.after) for row in fresh])
        await add(session, fresh, last_updated)

    monkeypatch.setattr(loader, "add", told)
    lengths = {f"p{number}": 30_000 if number == 7 else 1_000 for number in range(20)}
    texts = {name: patient(text={"status": "generated", "div": "x" * size}) for name, size in lengths.items()}
    made = await asyncio.gather(
        *(repository.commit([Create("Patient", text)], OPEN) for text in texts.values()),
        repository.commit([Create("Patient", text, name, is_new=True) for name, text in texts.items()], OPEN),
    )
    assert [len(portion) for portion in sizes if sum(portion) > 10_000] == [1, 1]
    assert sum(map(len, sizes)) == 40
    for outcome in (one for outcomes in made for one in outcomes):
        stored = await repository.read("Patient", outcome.id, OPEN)
        assert stored.text == outcome.text
    assert await problems(database_url) == []
