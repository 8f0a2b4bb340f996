"""What a caller may not read is not there, by type and by search restriction; what it may not write is refused."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN, Access, Grant
from fhir_service.fhir.errors import Forbidden, Gone, NotFound, TooCostly
from fhir_service.search.history_query import HistoryQuery
from fhir_service.search.query import parse_query
from fhir_service.search.query_text import read_pairs
from fhir_service.storage.repository import Create, Delete, Repository, Update

NO_PATIENTS = Access((Grant("cruds", "Observation"),))


async def test_an_unreadable_type_is_absent_from_every_call(repository: Repository) -> None:
    await repository.commit([Create("Patient", patient(), "p1")], OPEN)
    query = parse_query("Patient", [])
    with pytest.raises(NotFound):
        await repository.read("Patient", "p1", NO_PATIENTS)
    with pytest.raises(NotFound):
        await repository.vread("Patient", "p1", 1, NO_PATIENTS)
    assert (await repository.search(query, NO_PATIENTS)).matches == []
    assert await repository.count(query, NO_PATIENTS) == 0


async def test_a_transaction_with_one_type_that_may_not_be_written_changes_nothing(repository: Repository) -> None:
    with pytest.raises(Forbidden, match="writing Patient"):
        await repository.commit([Create("Observation", observation()), Delete("Patient", "p1")], NO_PATIENTS)
    assert await repository.count(parse_query("Observation", []), OPEN) == 0
    with pytest.raises(Forbidden):
        await repository.erase([("Patient", "p1")], NO_PATIENTS)


VOLUMES = Access((Grant("cruds", "Observation", "code=cement-volume"), Grant("rs", "Patient")))
"""All of some Observations, and every Patient."""


def measured(code: str, **more: Any) -> bytes:
    return observation("Patient/p1", code, **more)


@pytest_asyncio.fixture
async def mixed(repository: Repository) -> Repository:
    """A patient with one Observation within the restriction and one outside; a third that once was within."""
    await repository.commit(
        [
            Create("Patient", patient(), "p1"),
            Create("Observation", measured("cement-volume"), "in"),
            Create("Observation", measured("pain"), "out"),
            Create("Observation", measured("cement-volume"), "left"),
        ],
        OPEN,
    )
    await repository.commit([Update("Observation", "left", measured("pain"))], OPEN)
    return repository


async def test_what_is_outside_a_restriction_is_not_there_to_read(mixed: Repository) -> None:
    assert (await mixed.read("Observation", "in", VOLUMES)).id == "in"
    for resource_id in ("out", "left"):
        with pytest.raises(NotFound, match=f"there is no Observation/{resource_id}"):
            await mixed.read("Observation", resource_id, VOLUMES)
        with pytest.raises(NotFound):
            await mixed.vread("Observation", resource_id, 1, VOLUMES)
        with pytest.raises(NotFound):
            await mixed.history(HistoryQuery(), VOLUMES, key=("Observation", resource_id))
    assert list(await mixed.newest([("Observation", "in"), ("Observation", "out")], VOLUMES)) == [("Observation", "in")]


@pytest.mark.parametrize(
    ("kind", "asked", "found"),
    [
        ("Observation", "", ["in"]),
        ("Observation", "_id=out", []),
        ("Observation", "code=pain", []),
        ("Observation", "code:not=cement-volume", []),
        ("Observation", "_sort=-date", ["in"]),
        ("Patient", "_has:Observation:patient:code=pain", []),
        ("Patient", "_has:Observation:patient:code=cement-volume", ["p1"]),
        ("Observation", "patient._has:Observation:patient:code=pain", []),
    ],
)
async def test_a_search_finds_and_depends_on_nothing_outside(
    mixed: Repository, kind: str, asked: str, found: list[str]
) -> None:
    query = parse_query(kind, read_pairs(asked))
    assert [one.id for one in (await mixed.search(query, VOLUMES)).matches] == found
    assert await mixed.count(query, VOLUMES) == len(found)
    estimated = parse_query(kind, read_pairs(f"{asked}&_total=estimate"))
    assert await mixed.count(estimated, VOLUMES) == len(found)


async def test_includes_and_everything_bring_nothing_from_outside(mixed: Repository) -> None:
    page = await mixed.search(parse_query("Patient", [("_revinclude", "Observation:patient")]), VOLUMES)
    assert [one.id for one in page.included] == ["in"]
    whole = await mixed.everything("p1", VOLUMES)
    assert [one.stored.id for one in whole] == ["p1", "in"]


async def test_the_history_of_a_type_shows_no_version_from_outside(mixed: Repository) -> None:
    await mixed.commit([Delete("Observation", "out"), Delete("Observation", "in")], OPEN)
    page = await mixed.history(HistoryQuery(), VOLUMES, types=("Observation",))
    assert [(one.stored.id, one.method) for one in page.versions] == [("in", "DELETE"), ("in", "POST")]
    assert page.next is None
    with pytest.raises(TooCostly):
        await mixed.history_total(HistoryQuery(), VOLUMES, types=("Observation",))
    assert await mixed.history_total(HistoryQuery(), VOLUMES, key=("Observation", "in")) == 2
    with pytest.raises(NotFound):
        await mixed.read("Observation", "out", VOLUMES)
    with pytest.raises(Gone):
        await mixed.read("Observation", "in", VOLUMES)


async def test_nothing_outside_a_restriction_is_written(mixed: Repository) -> None:
    with pytest.raises(Forbidden, match="outside of the Observation"):
        await mixed.commit([Create("Observation", measured("pain"))], VOLUMES)
    with pytest.raises(Forbidden, match="outside of the Observation"):
        await mixed.commit([Update("Observation", "in", measured("pain"))], VOLUMES)
    for change in (
        Update("Observation", "out", measured("cement-volume")),
        Update("Observation", "never", measured("cement-volume")),
        Update("Observation", "out", measured("cement-volume"), if_match=7),
        Delete("Observation", "out"),
        Delete("Observation", "never"),
    ):
        with pytest.raises(NotFound, match=f"there is no Observation/{change.id}"):
            await mixed.commit([change], VOLUMES)
    await mixed.commit([Update("Observation", "in", measured("cement-volume", status="amended"))], VOLUMES)
    await mixed.commit([Create("Observation", measured("cement-volume"))], VOLUMES)
    assert (await mixed.read("Observation", "out", OPEN)).version == 1
    assert await mixed.count(parse_query("Observation", []), OPEN) == 4


async def test_each_letter_is_leave_for_one_thing(mixed: Repository) -> None:
    def only(letters: str) -> Access:
        return Access((Grant(letters, "Observation"),))

    with pytest.raises(NotFound):
        await mixed.read("Observation", "in", only("cuds"))
    assert (await mixed.search(parse_query("Observation", []), only("crud"))).matches == []
    for change, letter in (
        (Create("Observation", measured("pain")), "c"),
        (Update("Observation", "in", measured("pain")), "u"),
        (Delete("Observation", "in"), "d"),
    ):
        with pytest.raises(Forbidden, match="writing Observation"):
            await mixed.commit([change], only("cruds".replace(letter, "")))
        await mixed.commit([change], only(letter))
