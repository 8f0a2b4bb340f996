"""Index rows made anew: of a database from an older release, after a change of definitions, after an interruption."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.search import terms
from fhir_service.search.criteria import (
    AnyCriterion,
    Comparison,
    HasInterval,
    HasTerm,
    HasText,
    HasWords,
    PointsAt,
    SortKey,
)
from fhir_service.search.query import Query, TypeSearch
from fhir_service.storage import migrate, reindex
from fhir_service.storage.engines import open_engine
from fhir_service.storage.repository import Create, Delete, Repository, open_repository


class BrokenOff(Exception):
    """Somebody stops the run."""


NEWEST_FIRST = (SortKey("date", "number", descending=True),)
SEARCHES: list[tuple[AnyCriterion, ...]] = [
    (),
    (HasTerm((terms.code_term("Observation", "code", "1234-5"),)),),
    (
        HasInterval(
            "date", terms.interval_scope("Observation", "date"), ((Comparison("low", ">=", 1_577_836_800_000),),)
        ),
    ),
    (HasInterval("number", terms.interval_scope("Observation", "value-quantity"), ((Comparison("low", "<", 5.0),),)),),
    (HasWords("content", (("word3",),)),),
    (
        PointsAt(
            terms.link_scope("Observation", "subject"),
            "Patient",
            (HasText(terms.text_scope("Patient", "family", "string"), "starts", ("fam",)),),
        ),
    ),
]


def changes() -> list[Create]:
    return [
        Create("Patient", patient(name=[{"family": "Family"}]), "p1"),
        *(
            Create(
                "Observation",
                observation(
                    effectiveDateTime=str(2015 + n), valueQuantity={"value": n}, note=[{"text": f"the word{n}"}]
                ),
                f"o{n}",
            )
            for n in range(10)
        ),
    ]


async def answers(store: Repository) -> list[list[str]]:
    found = []
    for criteria in SEARCHES:
        page = await store.search(Query((TypeSearch("Observation", criteria, NEWEST_FIRST),)), OPEN)
        found.append([stored.id for stored in page.matches])
    return found


async def as_it_was(url: str, statement_of: dict[str, str]) -> None:
    """Take the database back to the first schema, with the resources that it had then."""
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(_first_schema)
        for statement in statement_of.values():
            await connection.exec_driver_sql(statement)
    await engine.dispose()


def _first_schema(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


async def test_a_database_of_the_first_schema_gives_the_same_answers(
    empty_database_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = "x''" if database == "sqlite" else "'{}'"
    rows = {}
    for number, change in enumerate(changes(), 1):
        body = change.text.decode().replace("{", f'{{"id": "{change.id}", ', 1).replace(": ", ":").replace(", ", ",")
        rows[str(change.id)] = (
            "INSERT INTO resource_current (type, id, partition_key, resource_key, version, place, last_updated, "
            f"deleted, sort_date, hashes, text) VALUES ('{change.type}', '{change.id}', 'p1', {number}, 1, {number}, "
            f"1000, false, NULL, {hashes}, '{body}')"
        )
    rows["gone"] = (
        "INSERT INTO resource_current (type, id, partition_key, resource_key, version, place, last_updated, deleted, "
        f"sort_date, hashes, text) VALUES ('Patient', 'gone', 'gone', 99, 2, 99, 1000, true, NULL, {hashes}, '')"
    )
    await as_it_was(empty_database_url, rows)
    monkeypatch.setattr(reindex, "BATCH", 3)
    store = await open_repository(empty_database_url)
    try:
        migrated = await answers(store)
        assert await store.index.renew() == 12
        assert await answers(store) == migrated
    finally:
        await store.close()
    assert migrated == [
        [f"o{n}" for n in range(9, -1, -1)],
        [f"o{n}" for n in range(9, -1, -1)],
        ["o9", "o8", "o7", "o6", "o5"],
        ["o4", "o3", "o2", "o1", "o0"],
        ["o3"],
        [f"o{n}" for n in range(9, -1, -1)],
    ]


async def test_a_run_that_was_broken_off_goes_on_where_it_was(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    await repository.commit([*changes(), Create("Patient", patient(), "z")], OPEN)
    before = await answers(repository)
    monkeypatch.setattr(reindex, "BATCH", 5)
    seen: list[tuple[int, int]] = []

    def stop_after_ten(done: int, wanted: int) -> None:
        seen.append((done, wanted))
        if done == 10:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        await repository.index.renew(stop_after_ten)
    await repository.commit([Delete("Patient", "z"), Create("Patient", patient(), "a")], OPEN)
    assert await repository.index.renew(lambda done, wanted: seen.append((done, wanted))) == 3
    assert seen == [(5, 12), (10, 12), (3, 3)]
    assert await answers(repository) == before


async def test_other_definitions_are_told_of_and_indexed_on_demand(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_repository(database_url)
    await store.commit(changes(), OPEN)
    await store.close()
    monkeypatch.setattr(reindex, "fingerprint", lambda: "another")
    with caplog.at_level(logging.WARNING, "fhir_service.storage"):
        store = await open_repository(database_url)
    assert "fhir-service reindex" in caplog.text
    try:
        assert await store.index.renew() == 11
    finally:
        await store.close()
    caplog.clear()
    await (await open_repository(database_url)).close()
    assert not caplog.text
