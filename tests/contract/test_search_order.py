"""The order of a result and its pages, for one type and for several, while others write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from stored_resources import condition, observation, patient

from fhir_service.fhir.access import OPEN, Access, Grant
from fhir_service.search import terms
from fhir_service.search.criteria import AnyCriterion, Comparison, HasInterval, HasTerm, Not, SortKey
from fhir_service.search.cursor import Cursor
from fhir_service.search.query import Query, TypeSearch
from fhir_service.storage import sqlite_search
from fhir_service.storage.repository import Create, Delete, Repository, Update

DATE, DATE_DOWN = SortKey("date", "number"), SortKey("date", "number", descending=True)
STATUS, STATUS_DOWN = SortKey("status", "text"), SortKey("status", "text", descending=True)
VALUE, VALUE_DOWN = SortKey("value-quantity", "number"), SortKey("value-quantity", "number", descending=True)
ID, ID_DOWN = SortKey("_id", "id"), SortKey("_id", "id", descending=True)
CHANGED, CHANGED_DOWN = SortKey("_lastUpdated", "last_updated"), SortKey("_lastUpdated", "last_updated", True)


def made(status: str, date: str | None, value: float | None, **more: Any) -> bytes:
    elements = {} if date is None else {"effectiveDateTime": date}
    if value is not None:
        elements["valueQuantity"] = {"value": value}  # type: ignore[assignment]  # any element
    return observation(status=status, **elements, **more)


@pytest_asyncio.fixture
async def filled(repository: Repository) -> Repository:
    for number, one in enumerate(
        [
            made("final", "2020", 3),
            made("amended", "2021-02-03T04:05:06Z", None),
            made("final", None, -1),
            made("registered", "2019-07", 10),
            made("final", "2021-02-03T04:05:06Z", 3),
            made("amended", None, None),
        ],
        1,
    ):
        await repository.commit([Create("Observation", one, f"o{number}")], OPEN)
    return repository


def search(*sort: SortKey, criteria: Sequence[AnyCriterion] = (), count: int = 50) -> Query:
    return Query((TypeSearch("Observation", tuple(criteria), sort),), count)


async def pages(repository: Repository, query: Query, access: Access = OPEN) -> list[list[str]]:
    """The ids on each page, the cursors read back as from a link."""
    found = []
    while True:
        page = await repository.search(query, access)
        found.append([stored.id for stored in page.matches])
        if page.next is None:
            return found
        query = replace(query, after=Cursor.read(page.next, query.sort))


ORDERS: list[tuple[tuple[SortKey, ...], str]] = [
    ((), "o1 o2 o3 o4 o5 o6"),
    ((ID,), "o1 o2 o3 o4 o5 o6"),
    ((ID_DOWN,), "o6 o5 o4 o3 o2 o1"),
    ((CHANGED,), "o1 o2 o3 o4 o5 o6"),
    ((CHANGED_DOWN,), "o6 o5 o4 o3 o2 o1"),
    ((DATE,), "o4 o1 o2 o5 o3 o6"),
    ((DATE_DOWN,), "o5 o2 o1 o4 o6 o3"),
    ((VALUE,), "o3 o1 o5 o4 o2 o6"),
    ((VALUE_DOWN,), "o4 o5 o1 o3 o6 o2"),
    ((STATUS, DATE_DOWN), "o2 o6 o5 o1 o3 o4"),
    ((STATUS_DOWN, DATE), "o4 o1 o5 o3 o2 o6"),
    ((DATE, VALUE_DOWN, STATUS), "o4 o1 o5 o2 o3 o6"),
    ((STATUS, ID_DOWN), "o6 o2 o5 o3 o1 o4"),
]


@pytest.mark.rule("SORT-1")
@pytest.mark.parametrize("enough", [1, 2000], ids=["common", "rare"])
async def test_a_result_is_in_the_order_asked_for_on_pages_of_any_size(
    filled: Repository, monkeypatch: pytest.MonkeyPatch, enough: int
) -> None:
    monkeypatch.setattr(sqlite_search, "_ENOUGH", enough)  # the ways that SQLite goes for rare and for common terms
    everyone = HasTerm((terms.reference_term("Observation", "subject", "Patient/p1"),))
    for sort, expected in ORDERS:
        for count in (1, 2, 4, 6):
            for criteria in ((), (everyone,), (Not(HasTerm(("nothing",))),), (everyone, everyone)):
                found = await pages(filled, search(*sort, criteria=criteria, count=count))
                assert " ".join(one for page in found for one in page) == expected, (sort, count, criteria)
                assert all(len(page) == count for page in found[:-1])


async def test_a_range_of_dates_in_the_order_of_dates(filled: Repository) -> None:
    scope = terms.interval_scope("Observation", "date")
    since_2020 = HasInterval("date", scope, ((Comparison("high", ">", 1_577_836_800_000),),))
    assert await pages(filled, search(DATE_DOWN, criteria=[since_2020], count=2)) == [["o5", "o2"], ["o1"]]
    before_2020 = HasInterval("date", scope, ((Comparison("low", "<", 1_577_836_800_000),),))
    assert await pages(filled, search(DATE, criteria=[before_2020])) == [["o4"]]


@pytest.mark.parametrize(
    "sort", [(DATE_DOWN,), (STATUS, CHANGED_DOWN), (CHANGED,)], ids=["date", "two keys", "changed"]
)
async def test_nothing_that_stays_is_missed_or_repeated_while_others_write(
    repository: Repository, sort: tuple[SortKey, ...]
) -> None:
    days = [f"2020-01-{1 + number % 28:02}" for number in range(120)]
    outcomes = await repository.commit([Create("Observation", made("final", day, None)) for day in days], OPEN)
    stay = [outcome.id for outcome in outcomes[::2]]
    others = [outcome.id for outcome in outcomes[1::2]]
    reading = True

    async def write() -> None:
        number = 0
        while reading:
            number += 1
            new = made("amended", days[number % 120], None)
            gone, changed = others[number % 30], others[30 + number % 30]
            await repository.commit(
                [Create("Observation", new), Delete("Observation", gone), Update("Observation", changed, new)], OPEN
            )

    writer = asyncio.create_task(write())
    found = [one for page in await pages(repository, search(*sort, count=7)) for one in page]
    reading = False
    await writer
    assert sorted(one for one in found if one in set(stay)) == sorted(stay)


@pytest.mark.rule("SRC-2")
async def test_several_types_are_one_result_in_one_order(repository: Repository) -> None:
    await repository.commit(
        [
            Create("Condition", condition(recordedDate="2020-03"), "a"),
            Create("Observation", made("final", "2020-01", None), "b"),
            Create("Patient", patient(), "c"),
            Create("Observation", made("final", None, None), "d"),
            Create("Condition", condition(recordedDate="2020-01-01"), "e"),
            Create("Condition", condition(), "f"),
        ],
        OPEN,
    )
    kinds = ("Patient", "Condition", "Group", "Observation", "Device")
    query = Query(tuple(TypeSearch(kind) for kind in kinds), count=2)
    assert await pages(repository, query) == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert await repository.count(query, OPEN) == 6
    access = Access((Grant("rs", "Patient"), Grant("rs", "Observation")))
    assert await pages(repository, query, access) == [["b", "c"], ["d"]]
    assert await repository.count(query, access) == 3
    by_id = Query(tuple(TypeSearch(kind, (), (ID_DOWN,)) for kind in kinds), count=4)
    assert await pages(repository, by_id) == [["f", "e", "d", "c"], ["b", "a"]]
    recorded = SortKey("recorded-date", "number", descending=True)
    by_date = Query(tuple(TypeSearch(kind, (), (recorded,)) for kind in kinds), count=4)
    assert await pages(repository, by_date) == [["a", "e", "f", "d"], ["c", "b"]]


async def test_a_place_made_up_by_somebody_does_no_harm(filled: Repository) -> None:
    for sort, values in (((DATE,), (0.5,)), ((DATE_DOWN,), (None,)), ((STATUS,), ("'\\x",)), ((VALUE,), (2**62,))):
        await filled.search(replace(search(*sort), after=Cursor(values, 2**63 - 1)), OPEN)
