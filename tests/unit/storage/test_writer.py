"""What the writer does when a group, or a part of it, goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.search.query import parse_query
from fhir_service.storage import writer
from fhir_service.storage.database import Database
from fhir_service.storage.group_commit import Commit
from fhir_service.storage.repository import Create, Repository, open_repository


class Unforeseen(Exception):
    """A fault that nobody thought of."""


@pytest_asyncio.fixture
async def repository(tmp_path: Path) -> AsyncIterator[Repository]:
    opened = await open_repository(f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")
    yield opened
    await opened.close()


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, name: str) -> list[int]:
    """Let every group with the Patient of that name fail; returns the sizes of the groups tried."""
    honest, sizes = writer.commit_group, []

    async def commit_group(database: Database, commits: Sequence[Commit]) -> list[Any]:
        sizes.append(len(commits))
        if any(change.key[1] == name for commit in commits for change in commit.changes):
            raise error
        return await honest(database, commits)

    monkeypatch.setattr(writer, "commit_group", commit_group)
    return sizes


async def commit_all(repository: Repository, names: Sequence[str]) -> list[Any]:
    work = (repository.commit([Create("Patient", patient(), name)], OPEN) for name in names)
    return await asyncio.gather(*work, return_exceptions=True)


async def test_commits_that_wait_are_written_together(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = failing(monkeypatch, Unforeseen(), "")
    await commit_all(repository, [f"p{n}" for n in range(50)])
    assert sum(sizes) == 50
    assert len(sizes) < 10


async def test_an_unforeseen_fault_reaches_the_one_it_belongs_to(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, Unforeseen(), "bad")
    results = await commit_all(repository, ["a", "b", "bad", "c"])
    assert [isinstance(result, Unforeseen) for result in results] == [False, False, True, False]
    page = await repository.search(parse_query("Patient", []), OPEN)
    assert {stored.id for stored in page.matches} == {"a", "b", "c"}


async def test_an_unavailable_store_is_told_to_all_and_not_tried_again_for_each(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = failing(monkeypatch, StoreUnavailable("gone"), "bad")
    results = await commit_all(repository, ["a", "bad", "c"])
    assert any(isinstance(result, StoreUnavailable) for result in results)
    assert len(sizes) <= 2


async def test_the_writer_goes_on_after_a_fault(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, Unforeseen(), "bad")
    await commit_all(repository, ["bad"])
    assert len((await commit_all(repository, ["good"]))[0]) == 1
    await repository.health.require_writes()


async def test_a_fault_in_the_middle_of_a_transaction_leaves_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PAUSES", ())
    behind_it = [("INSERT INTO nowhere VALUES ($1)", [(1,)])]
    monkeypatch.setattr("fhir_service.storage.group_commit.current_steps", lambda *_: behind_it)
    with pytest.raises(Exception, match="nowhere"):
        await repository.commit([Create("Patient", patient(), "a")], OPEN)
    monkeypatch.undo()
    (outcome,) = await repository.commit([Create("Patient", patient(), "a")], OPEN)
    assert outcome.version == 1
