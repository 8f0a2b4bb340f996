"""What was acknowledged is there after a restart. What is there after a crash is held by `tests/crash/`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import Gone, StoreFull, StoreUnavailable
from fhir_service.storage import sqlite_checkpoints
from fhir_service.storage.checks.whole_store import disagreements
from fhir_service.storage.engines import PRAGMAS
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
    await store.health.require_reads()
    await store.health.require_writes()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.health.require_reads()


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


async def test_a_clock_that_is_set_back_turns_no_version_older_than_one_before_it(
    repository: Repository, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    seen = []
    for hours in (0, -1, -24, 1):
        monkeypatch.setattr("fhir_service.storage.group_commit.time_ns", lambda at=hours: now + at * 3_600_000_000_000)
        update = Update("Patient", "a", patient(multipleBirthInteger=abs(hours)))
        seen += await repository.commit([update, Create("Patient", patient())], OPEN)
    of_one = [one.last_updated for one in seen if one.id == "a"]
    assert of_one[0] == of_one[1] == of_one[2] < of_one[3]
    assert [one.last_updated for one in seen] == sorted(one.last_updated for one in seen)
    monkeypatch.undo()
    assert [one async for one in disagreements(database_url)] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_file_that_was_taken_away_is_missed_and_is_not_made_anew(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_service.storage.sqlite_session._SECONDS_BETWEEN_LOOKS", 0)
    await repository.commit([Create("Patient", patient(), "a")], OPEN)
    files = ("store.db", "store.db-wal", "store.db-shm")
    for name in files:
        os.rename(tmp_path / name, tmp_path / f"{name}.away")
    with pytest.raises(StoreUnavailable):
        await repository.commit([Create("Patient", patient(), "b")], OPEN)
    with pytest.raises(StoreUnavailable):
        await repository.read("Patient", "a", OPEN)
    assert not {*files} & {*os.listdir(tmp_path)}
    for name in files:
        os.rename(tmp_path / f"{name}.away", tmp_path / name)
    assert (await repository.read("Patient", "a", OPEN)).version == 1
    await repository.commit([Create("Patient", patient(), "b")], OPEN)
    await repository.health.require_writes()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_disk_without_room_is_told_as_full(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = (*PRAGMAS, "max_page_count=1")  # SQLite takes the size that the file has
    monkeypatch.setattr("fhir_service.storage.sessions.PRAGMAS", pages)
    large = patient(text={"status": "generated", "div": "x" * 2_000_000})
    with pytest.raises(StoreFull):
        await repository.commit([Create("Patient", large, "large")], OPEN)
    monkeypatch.undo()
    await repository.commit([Create("Patient", large, "large")], OPEN)
    await repository.health.require_writes()
    monkeypatch.setattr("fhir_service.storage.database.LEAST_ROOM", 2**62)
    with pytest.raises(StoreFull):
        await repository.health.require_writes()
    await repository.health.require_reads()


async def test_the_log_of_a_file_begins_anew_while_writes_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "_SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(sqlite_checkpoints, "_LONG", 1)
    store = await open_repository(f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")
    lengths = []
    for number in range(40):
        await store.commit([Create("Patient", patient(), f"p{number}-{other}") for other in range(3)], OPEN)
        lengths.append((tmp_path / "store.db-wal").stat().st_size)
    assert len(set(lengths[20:])) < 10  # it is written over: a log that only grows is longer each time
    await store.close()
    assert not (tmp_path / "store.db-wal").exists()
