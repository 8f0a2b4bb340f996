"""Pages that follow one another while others write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from stored_resources import observation

from fhir_service.fhir.access import OPEN
from fhir_service.search.query import CURSOR, parse_query
from fhir_service.storage.repository import Create, Delete, Repository, Update

SEARCHES: list[list[tuple[str, str]]] = [
    [],
    [("patient", "p1")],
    [("status", "final"), ("code", "1234-5,other")],
    [("status", "final,amended")],
    [("_lastUpdated", "ge2000")],
]


async def walk(repository: Repository, pairs: Sequence[tuple[str, str]], count: int) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        here = [(CURSOR, cursor)] if cursor else []
        page = await repository.search(parse_query("Observation", [*pairs, ("_count", str(count)), *here]), OPEN)
        pages.append([stored.id for stored in page.matches])
        if page.next is None:
            return pages
        cursor = page.next


@pytest.mark.parametrize("pairs", SEARCHES, ids=range(len(SEARCHES)))
async def test_pages_are_full_in_order_and_end(repository: Repository, pairs: Sequence[tuple[str, str]]) -> None:
    outcomes = await repository.commit([Create("Observation", observation()) for _ in range(20)], OPEN)
    pages = await walk(repository, pairs, 5)
    assert [len(page) for page in pages] == [5, 5, 5, 5]
    assert [found for page in pages for found in page] == [outcome.id for outcome in outcomes]


@pytest.mark.parametrize("pairs", SEARCHES, ids=range(len(SEARCHES)))
async def test_no_row_is_missed_or_repeated_while_others_insert_and_change(
    repository: Repository, pairs: Sequence[tuple[str, str]]
) -> None:
    outcomes = await repository.commit([Create("Observation", observation()) for _ in range(300)], OPEN)
    there = [outcome.id for outcome in outcomes]
    reading = True

    async def write() -> None:
        number = 0
        while reading:
            number += 1
            changed = Update("Observation", there[number % 300], observation(note=[{"text": str(number)}]))
            await repository.commit([Create("Observation", observation()), changed], OPEN)
            await asyncio.sleep(0)

    writer = asyncio.create_task(write())
    pages = await walk(repository, pairs, 7)
    reading = False
    await writer
    found = [one for page in pages for one in page]
    assert len(found) == len(set(found))
    assert [one for one in found if one in set(there)] == there


async def test_a_deletion_between_two_pages_takes_only_itself_away(repository: Repository) -> None:
    outcomes = await repository.commit([Create("Observation", observation()) for _ in range(6)], OPEN)
    there = [outcome.id for outcome in outcomes]
    first = await repository.search(parse_query("Observation", [("_count", "3")]), OPEN)
    await repository.commit([Delete("Observation", there[2]), Delete("Observation", there[4])], OPEN)
    assert first.next is not None
    second = await repository.search(parse_query("Observation", [("_count", "3"), (CURSOR, first.next)]), OPEN)
    assert [stored.id for stored in second.matches] == [there[3], there[5]]
