"""Many resources at once: the same rows as one by one, and nothing changed by the same again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from stored_resources import LOINC, observation, patient, text
from stored_rows import all_rows, begin_anew

from fhir_service.fhir.access import OPEN, Access, Grant
from fhir_service.fhir.errors import ComesWithService, Forbidden
from fhir_service.fhir.json_text import parse
from fhir_service.search.query import parse_query
from fhir_service.storage import group_commit
from fhir_service.storage.bulk_load import MadeReady, made_ready
from fhir_service.storage.fresh_rows import MANY, can_be_in_block
from fhir_service.storage.preparation import content_of
from fhir_service.storage.repository import Delete, Repository, Transaction, Update

NOW = 1_800_000_000_123
ODD = (
    *(
        "plain",
        "a  b",
        "one\nline\n\\.\nmore",
        r"back\slash \N",
        "a \x01 quote \x01\x01 and \x02 comma",
        "'quoted' \"twice\"",
    ),
    *("Wirbelkörper — 骨セメント 𝄞", "ß" * 70, "{braces,and,commas}", "", "x" * 3000, "\x7f \u2028"),
)
"""Texts that a stream of CSV, an array or a text search vector could take for something else."""


def resources() -> list[bytes]:
    """More than are written one by one, of every kind of index row."""
    made = [patient(id=f"p{number}", name=[{"family": odd, "text": odd}]) for number, odd in enumerate(ODD) if odd]
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">told it&apos;s so</div>'}
    made.append(text({"resourceType": "Basic", "id": "b1", "text": narrative, "code": {"text": "x"}}))
    made.append(text({"resourceType": "ValueSet", "id": "v1", "url": "http://x.example/v|1", "status": "draft"}))
    for number in range(MANY + 20):
        value: dict[str, Any] = {"value": 1.5 * number, "unit": "mg", "system": LOINC, "code": "mg"}
        dates = (
            {"effectivePeriod": {"start": "1990", "end": "2020-05"}}
            if number % 7 == 0
            else {"effectiveDateTime": "2021-02-03"}
        )
        note = [{"text": ODD[number % len(ODD)] or "none"}]
        more: dict[str, Any] = {"valueQuantity": value, "note": note} | (dates if number % 3 else {})
        made.append(observation(f"Patient/p{number % 5}", f"c{number % 9}", id=f"o{number}", **more))
    made.append(
        rb'{"meta":{"versionId":"7","tag":[{"code":"a\u0001b"}]},"resourceType":"Basic","id":"odd","code":{"text":"\/1"}}'
    )
    return made


def ready(repository: Repository, texts: list[bytes]) -> MadeReady:
    contents = []
    for one in texts:
        value = parse(one)
        key = value["resourceType"], value["id"]
        contents.append((key, content_of(*key, one, None, value)))
    return made_ready(contents, repository.make_block)


def updates(texts: list[bytes]) -> list[Update]:
    return [Update(one["resourceType"], one["id"], text) for text in texts for one in (json.loads(text),)]


async def loaded(repository: Repository, texts: list[bytes]) -> list[str]:
    outcomes = await repository.load(ready(repository, texts), OPEN)
    assert [(one.type, one.id) for one in outcomes] == [(one.type, one.id) for one in updates(texts)]
    return [one.action for one in outcomes]


@pytest.mark.parametrize("odd", [True, False], ids=["some that are in no block", "plain ones"])
async def test_the_rows_are_the_same_whatever_way_they_take(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, odd: bool
) -> None:
    monkeypatch.setattr(group_commit, "time_ns", lambda: NOW * 1_000_000)
    texts = [one for one in resources() if odd or can_be_in_block(one)]
    await begin_anew(repository)
    await repository.transact(lambda transaction: seen_in_between(transaction, updates(texts)), OPEN)
    compared = await all_rows(repository)
    assert all(compared.values())
    for size in (1, MANY - 1, len(texts)):
        await begin_anew(repository)
        for part in batched(updates(texts), size):
            await repository.commit(part, OPEN)
        assert await all_rows(repository) == compared
    await begin_anew(repository)
    made = ready(repository, texts)
    assert (made.block is None) is odd
    assert {one.action for one in await repository.load(made, OPEN)} == {"created"}
    assert await all_rows(repository) == compared


async def seen_in_between(transaction: Transaction, changes: list[Update]) -> None:
    """Write what a search has to see at once: row by row, each held against what is there."""
    await transaction.write(changes)
    await transaction.find(parse_query("Basic", [("_id", "b1")]), 1)


def batched(changes: list[Update], size: int) -> Iterator[list[Update]]:
    for start in range(0, len(changes), size):
        yield changes[start : start + size]


async def test_the_same_again_changes_nothing_and_what_differs_is_a_new_version(repository: Repository) -> None:
    texts = resources()
    await repository.load(ready(repository, texts), OPEN)
    before = await all_rows(repository)
    assert await loaded(repository, texts) == ["unchanged"] * len(texts)
    assert await all_rows(repository) == before
    await repository.commit([Delete("Patient", "p1")], OPEN)
    changed = [patient(id="p0", active=True), texts[1], patient(id="new"), texts[2]]
    assert await loaded(repository, changed) == ["updated", "created", "created", "unchanged"]
    assert [(await repository.read("Patient", one, OPEN)).version for one in ("p0", "p1", "new", "p2")] == [2, 3, 1, 1]


async def found(repository: Repository, gender: str) -> list[str]:
    page = await repository.search(parse_query("Patient", [("gender", gender)]), OPEN)
    return [one.id for one in page.matches]


async def test_of_two_with_one_id_the_later_counts(repository: Repository) -> None:
    texts = [patient(id="a", gender="male"), patient(id="b"), patient(id="a", gender="female"), patient(id="b")]
    assert await loaded(repository, texts) == ["created", "created", "updated", "unchanged"]
    assert await loaded(repository, texts) == ["updated", "unchanged", "updated", "unchanged"]
    assert await found(repository, "female") == ["a"]
    assert await found(repository, "male") == []
    assert b"female" in (await repository.read("Patient", "a", OPEN)).text
    assert b'"male"' in (await repository.vread("Patient", "a", 1, OPEN)).text


async def test_who_may_not_write_all_of_a_type_loads_none(repository: Repository) -> None:
    batch = ready(repository, [patient(id="a"), observation(id="b")])
    for grants in (
        (Grant("u", "*"), Grant("c", "Patient")),
        (Grant("cu", "Patient"), Grant("cu", "Observation", "code=x")),
    ):
        with pytest.raises(Forbidden):
            await repository.load(batch, Access(grants))
    with pytest.raises(ComesWithService):
        await repository.load(batch, Access(None, frozenset({("Patient", "a")})))
    assert await repository.types_stored() == []
