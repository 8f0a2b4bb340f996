"""Several changes at once: all of them or none, also beside others in the same group."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import EditConflict, NotFound, PreconditionFailed, StoreUnavailable
from fhir_service.search.query import parse_query
from fhir_service.storage import writer
from fhir_service.storage.repository import Create, Delete, Repository, Update, open_repository


async def count(repository: Repository, resource_type: str) -> int:
    return await repository.count(parse_query(resource_type, []), OPEN)


async def test_the_outcomes_are_in_the_order_of_the_changes(repository: Repository) -> None:
    await repository.commit([Create("Patient", patient(), "old"), Create("Patient", patient(), "doomed")], OPEN)
    changes = [
        Delete("Patient", "doomed"),
        Create("Observation", observation()),
        Update("Patient", "old", patient(active=True)),
        Update("Patient", "new", patient()),
    ]
    outcomes = await repository.commit(changes, OPEN)
    assert [outcome.action for outcome in outcomes] == ["deleted", "created", "updated", "created"]
    assert [outcome.id for outcome in outcomes][2:] == ["old", "new"]
    assert len({outcome.last_updated for outcome in outcomes}) == 1


async def test_one_bad_change_leaves_nothing_of_a_transaction(repository: Repository) -> None:
    await repository.commit([Create("Patient", patient(), "kept")], OPEN)
    changes = [
        Create("Patient", patient(), "first"),
        Delete("Patient", "kept"),
        Update("Patient", "kept", patient(), if_match=9),
        Create("Patient", patient(), "last"),
    ]
    with pytest.raises(PreconditionFailed):
        await repository.commit(changes, OPEN)
    assert (await repository.read("Patient", "kept", OPEN)).version == 1
    assert await count(repository, "Patient") == 1
    with pytest.raises(NotFound):
        await repository.vread("Patient", "kept", 2, OPEN)


async def test_an_empty_transaction_is_fine(repository: Repository) -> None:
    assert await repository.commit([], OPEN) == []


async def test_changes_of_one_resource_in_one_transaction_follow_each_other(repository: Repository) -> None:
    changes = [Create("Patient", patient(), "a"), Update("Patient", "a", patient(active=True)), Delete("Patient", "a")]
    assert [outcome.version for outcome in await repository.commit(changes, OPEN)] == [1, 2, 3]
    assert await count(repository, "Patient") == 0
    assert b'"active":true' in (await repository.vread("Patient", "a", 2, OPEN)).text


async def test_two_hundred_commits_at_once_are_all_there(repository: Repository) -> None:
    texts = [observation(f"Patient/p{number % 7}") for number in range(200)]
    done = await asyncio.gather(*(repository.commit([Create("Observation", text)], OPEN) for text in texts))
    assert len({outcomes[0].id for outcomes in done}) == 200
    assert await count(repository, "Observation") == 200
    assert await repository.count(parse_query("Observation", [("patient", "p3")]), OPEN) == 29


async def test_of_updates_with_the_same_if_match_one_wins(repository: Repository) -> None:
    await repository.commit([Create("Patient", patient(), "a")], OPEN)
    for version in range(1, 6):
        tries = (
            repository.commit([Update("Patient", "a", patient(name=[{"text": str(n)}]), if_match=version)], OPEN)
            for n in range(8)
        )
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert Counter(type(result) for result in results) == {list: 1, PreconditionFailed: 7}
    assert (await repository.read("Patient", "a", OPEN)).version == 6


async def test_of_creates_with_one_id_one_wins_and_the_rest_of_the_group_is_unharmed(repository: Repository) -> None:
    tries = [
        repository.commit([Create("Patient", patient(), "a"), Create("Patient", patient())], OPEN) for _ in range(9)
    ]
    others = [repository.commit([Create("Observation", observation())], OPEN) for _ in range(9)]
    mixed = [attempt for pair in zip(tries, others, strict=True) for attempt in pair]
    results = await asyncio.gather(*mixed, return_exceptions=True)
    assert Counter(type(result) for result in results) == {list: 10, EditConflict: 8}
    assert await count(repository, "Patient") == 2
    assert await count(repository, "Observation") == 9


async def test_two_processes_on_one_database_do_not_lose_each_others_updates(database_url: str) -> None:
    first, second = await open_repository(database_url), await open_repository(database_url)
    try:
        await first.commit([Create("Patient", patient(), "a")], OPEN)
        tries = (
            store.commit([Update("Patient", "a", patient(active=bool(n % 2)))], OPEN)
            for n in range(20)
            for store in (first, second)
        )
        outcomes = [outcome for (outcome,) in await asyncio.gather(*tries)]
        assert sorted(outcome.version for outcome in outcomes) == list(range(2, 42))
        by_version = sorted(outcomes, key=lambda outcome: outcome.version)
        assert [one.last_updated for one in by_version] == sorted(one.last_updated for one in by_version)
    finally:
        await first.close()
        await second.close()


async def test_a_caller_that_gives_up_corrupts_nothing(repository: Repository) -> None:
    tasks = [
        asyncio.create_task(
            repository.commit([Create("Patient", patient(), f"a{n}"), Create("Patient", patient(), f"b{n}")], OPEN)
        )
        for n in range(40)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await repository.commit([Create("Patient", patient(), "after")], OPEN)
    page = await repository.search(parse_query("Patient", [("_count", "1000")]), OPEN)
    ids = {stored.id for stored in page.matches}
    assert {f"{letter}{n}" for n in range(1, 40, 2) for letter in "ab"} < ids
    assert all((f"a{n}" in ids) == (f"b{n}" in ids) for n in range(40))


async def test_when_too_much_waits_callers_are_told_and_the_rest_is_written(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 10)
    tries = (repository.commit([Create("Patient", patient())], OPEN) for _ in range(30))
    results = await asyncio.gather(*tries, return_exceptions=True)
    refused = [result for result in results if isinstance(result, StoreUnavailable)]
    assert refused
    assert await count(repository, "Patient") == 30 - len(refused)


async def test_closing_writes_what_waits_and_refuses_what_comes_after(database_url: str) -> None:
    repository = await open_repository(database_url)
    waiting = [asyncio.create_task(repository.commit([Create("Patient", patient())], OPEN)) for _ in range(20)]
    await asyncio.sleep(0)
    await repository.close()
    assert [len(await task) for task in waiting] == [1] * 20
    with pytest.raises(StoreUnavailable):
        await repository.commit([Create("Patient", patient())], OPEN)
    again = await open_repository(database_url)
    assert await count(again, "Patient") == 20
    await again.close()
