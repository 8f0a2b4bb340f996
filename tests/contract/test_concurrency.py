"""Many who write the same at once, in one process and in two: one gets through, and nothing is made twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import PreconditionFailed
from fhir_service.search.query import Query, parse_query
from fhir_service.storage.repository import Create, Repository, Update, open_repository
from fhir_service.workflows.conditional import create_unless_found, update_found

TRIES = [pytest.param(30, id="short"), pytest.param(1_000, id="long", marks=pytest.mark.long)]


@pytest_asyncio.fixture(params=("one process", "two processes"))
async def stores(
    request: pytest.FixtureRequest, repository: Repository, database_url: str
) -> AsyncIterator[Sequence[Repository]]:
    """The same store through one repository or through two, which know nothing of each other."""
    if request.param == "one process":
        yield (repository, repository)
        return
    other = await open_repository(database_url)
    try:
        yield (repository, other)
    finally:
        await other.close()


def known_as(name: str) -> Query:
    return parse_query("Patient", [("identifier", f"urn:test|{name}")])


def named(name: str, **more: object) -> bytes:
    return patient(identifier=[{"system": "urn:test", "value": name}], **more)


@pytest.mark.rule("CCRE-1")
@pytest.mark.parametrize("tries", TRIES)
async def test_of_two_conditional_creates_one_makes_it(stores: Sequence[Repository], tries: int) -> None:
    for number in range(tries):
        name = str(number)
        outcomes = await asyncio.gather(
            *(create_unless_found(store, named(name), known_as(name), OPEN) for store in stores)
        )
        assert Counter(outcome.action for outcome in outcomes) == {"created": 1, "unchanged": 1}
        assert len({outcome.id for outcome in outcomes}) == 1
    assert await stores[0].count(parse_query("Patient", []), OPEN) == tries


@pytest.mark.rule("CUPD-1", "CUPD-2")
@pytest.mark.parametrize("tries", TRIES)
async def test_of_two_conditional_updates_one_makes_it_and_one_changes_it(
    stores: Sequence[Repository], tries: int
) -> None:
    for number in range(tries):
        name = str(number)
        outcomes = await asyncio.gather(
            *(update_found(store, named(name), "", known_as(name), OPEN) for store in stores)
        )
        assert sorted((outcome.action, outcome.version) for outcome in outcomes) == [("created", 1), ("updated", 2)]
    assert await stores[0].count(parse_query("Patient", []), OPEN) == tries


@pytest.mark.rule("VER-1")
@pytest.mark.parametrize("tries", TRIES)
async def test_of_two_updates_of_one_version_one_gets_through(stores: Sequence[Repository], tries: int) -> None:
    await stores[0].commit([Create("Patient", named("a"), "a")], OPEN)
    for version in range(1, tries + 1):
        writes = (
            store.commit([Update("Patient", "a", named("a", multipleBirthInteger=number), version)], OPEN)
            for number, store in enumerate(stores)
        )
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert Counter(type(result) for result in results) == {list: 1, PreconditionFailed: 1}
    assert (await stores[1].read("Patient", "a", OPEN)).version == tries + 1
