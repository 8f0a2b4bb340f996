"""A search that is asked for often is answered as the first time, whatever stands in its values."""

from __future__ import annotations

import json

import pytest

from fhir_service.fhir.access import OPEN
from fhir_service.search.query import parse_query
from fhir_service.storage.repeated_searches import RepeatedSearches, written
from fhir_service.storage.repository import Repository, Update

ODD = ("O'Brien", "back\\slash\\", "'; DROP TABLE client; --", "$1", "Ärztin 脊椎 🦴", "\\x41", '"quoted"')


async def test_every_text_is_found_every_time(repository: Repository) -> None:
    patients = [{"resourceType": "Patient", "id": f"p{n}", "name": [{"family": name}]} for n, name in enumerate(ODD)]
    await repository.commit([Update("Patient", one["id"], json.dumps(one).encode()) for one in patients], OPEN)  # type: ignore[arg-type]  # an id is a text
    for number, name in enumerate(ODD):
        for modifier in (":exact", ""):
            escaped = name.replace("\\", "\\\\").replace("$", "\\$")
            query = parse_query("Patient", ((f"family{modifier}", escaped), ("_sort", "-family")))
            for _ in range(5):
                assert [one.id for one in (await repository.search(query, OPEN)).matches] == [f"p{number}"]
    await repository.commit([Update("Patient", "p0", b'{"resourceType":"Patient","id":"p0"}')], OPEN)
    query = parse_query("Patient", (("family:exact", ODD[0]), ("_sort", "-family")))
    assert (await repository.search(query, OPEN)).matches == []


def test_only_what_is_asked_often_has_a_statement_of_its_own() -> None:
    repeated = RepeatedSearches()
    asked = [repeated.statement("SELECT $1, $2::bigint[]", ("a", [1, -2])) for _ in range(4)]
    assert asked[:2] == ["", ""]
    assert asked[2] == asked[3] == "SELECT E'a', '{1,-2}'::bigint[]::bigint[]"
    for number in range(200):
        for _ in range(4):
            repeated.statement("SELECT $1", (number,))
    assert len(repeated._kept) <= 32
    assert repeated.statement("SELECT $1, $2::bigint[]", ("a", [1, -2])) == asked[2]


def test_what_is_too_long_to_be_kept_is_not_counted() -> None:
    repeated = RepeatedSearches()
    for values in (["x" * 1_000_000], [[1] * 100_000]):
        assert [repeated.statement("SELECT $1", values) for _ in range(5)] == [""] * 5
    assert not repeated._counted


@pytest.mark.parametrize("value", [1.5, None, True, ["a"], b"a"])
def test_a_value_of_another_kind_stays_a_parameter(value: object) -> None:
    assert written("SELECT $1", (value,)) == ""
