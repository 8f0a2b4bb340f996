"""A whole store is looked through: nothing is said of a sound one, and each damage is found where it is."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import NamedTuple

from sqlalchemy import text as sql
from stored_resources import observation, patient, text

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.derivations import URL
from fhir_service.storage.checks.disagreement import Kind
from fhir_service.storage.checks.whole_store import disagreements
from fhir_service.storage.engines import open_engine
from fhir_service.storage.repository import Create, Delete, Repository, Update

BASE = "http://localhost:8000/fhir"
WORDS = "Cement was seen in the canal. Größe: 3 mm."


class Damage(NamedTuple):
    """What is done to the Observation of that id (`:id`) or its rows, and what is to be found of it: kinds by what is
    added to its name."""

    statement: str
    found: dict[str, Kind]
    only: str = ""
    """The database that has such rows."""
    leaves: str = ""
    """Index rows of nothing: on `any` database, or only on that one."""


KEY = "(SELECT resource_key FROM resource_current WHERE id = :id)"
DAMAGES = {
    "current-lost": Damage("DELETE FROM resource_current WHERE id = :id", {"": Kind.VERSIONS}, leaves="any"),
    "history-lost": Damage("DELETE FROM resource_version WHERE id = :id AND version = 3", {"": Kind.HISTORY}),
    "gap": Damage("DELETE FROM resource_version WHERE id = :id AND version = 2", {"/_history/3": Kind.VERSIONS}),
    "no-beginning": Damage(
        "DELETE FROM resource_version WHERE id = :id AND version = 1", {"/_history/2": Kind.VERSIONS, "": Kind.HISTORY}
    ),
    "old-current": Damage("UPDATE resource_current SET version = 2 WHERE id = :id", {"": Kind.HISTORY}),
    "action": Damage(
        "UPDATE resource_version SET action = 'created' WHERE id = :id AND version = 3", {"/_history/3": Kind.VERSIONS}
    ),
    "no-json": Damage(
        "UPDATE resource_version SET text = '[1' WHERE id = :id AND version = 2",
        {"/_history/2": Kind.TEXT},
    ),
    "another-id": Damage(
        "UPDATE resource_version SET text = replace(text, '\"another-id\"', '\"x\"') WHERE id = :id AND version = 2",
        {"/_history/2": Kind.TEXT},
    ),
    "text-differs": Damage(
        "UPDATE resource_current SET text = replace(text, '\"final\"', '\"amended\"') WHERE id = :id",
        {"": Kind.HISTORY, " ": Kind.INDEX},
    ),
    "undeleted": Damage(
        "UPDATE resource_current SET deleted = true WHERE id = :id", {"": Kind.HISTORY, " ": Kind.INDEX}, leaves="any"
    ),
    "place-twice": Damage(
        "UPDATE resource_version SET place = place + 1 WHERE id = :id AND version = 2",
        {"/_history/2": Kind.ORDER},
    ),
    "hashes": Damage(
        "UPDATE resource_current SET hashes = (SELECT hashes FROM resource_current WHERE id = 'p1') WHERE id = :id",
        {"": Kind.INDEX},
        leaves="sqlite",
    ),
    "posting-lost": Damage(f"DELETE FROM posting WHERE resource_key = {KEY}", {"": Kind.INDEX}, "sqlite"),
    "sorted": Damage("UPDATE resource_current SET sort_values = '{}' WHERE id = :id", {"": Kind.INDEX}),
    "own-date": Damage("UPDATE resource_current SET sort_low = 1 WHERE id = :id", {"": Kind.INDEX}),
    "date-lost": Damage(f"DELETE FROM date_value WHERE resource_key = {KEY}", {"": Kind.INDEX}),
    "number-wrong": Damage(f"UPDATE number_value SET low = low - 1 WHERE resource_key = {KEY}", {"": Kind.INDEX}),
    "link-lost": Damage(f"DELETE FROM link WHERE resource_key = {KEY}", {"": Kind.INDEX}),
    "words-lost": Damage(f"DELETE FROM full_text WHERE {{words}} = {KEY}", {"": Kind.INDEX}),
    "span": Damage("", {"": Kind.SPAN}),
}
FALSE_SPANS = {"span": (10, 200)}


def document(**attachment: str) -> bytes:
    data = WORDS.encode()
    told = {
        "contentType": "text/plain",
        "data": b64encode(data).decode(),
        "hash": b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
    }
    return text(
        {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": told | attachment}]}
    )


def seen(note: str, offset: int = 30, length: int = 12) -> bytes:
    parts = [
        {"url": "reference", "valueReference": {"reference": "DocumentReference/d1"}},
        {"url": "offset", "valueInteger": offset},
        {"url": "length", "valueInteger": length},
    ]
    return observation(
        effectiveDateTime="2020-05",
        valueQuantity={"value": 1.50, "unit": "mL", "system": "http://unitsofmeasure.org", "code": "mL"},
        note=[{"text": note}],
        extension=[{"url": URL, "extension": parts}],
    )


async def fill(repository: Repository) -> None:
    """Every observation in three versions; a deleted one and one that came back; references of another base."""
    await repository.commit([Create("Patient", patient(), "p1"), Create("DocumentReference", document(), "d1")], OPEN)
    for number in range(3):
        for name in (*DAMAGES, "sound", "gone", "back"):
            place = FALSE_SPANS.get(name, (30, 12))
            await repository.commit([Update("Observation", name, seen(f"note {number}", *place))], OPEN)
    await repository.commit([Delete("Observation", "gone"), Delete("Observation", "back")], OPEN)
    await repository.commit([Update("Observation", "back", seen("again"))], OPEN)
    outside = Create("Observation", observation("https://ehr.example.org/fhir/Patient/p1"), "outside")
    await repository.under("https://ehr.example.org/fhir").commit([outside], OPEN)
    await repository.commit([Create("Observation", observation("Patient/nobody"), "dangling")], OPEN)
    hash_of_nothing = b64encode(b"0" * 20).decode()
    await repository.commit([Create("DocumentReference", document(hash=hash_of_nothing), "wrong-hash")], OPEN)


async def damage(database_url: str, damages: dict[str, Damage]) -> dict[str, int]:
    """Do it all. Returns the keys that the resources had."""
    engine = open_engine(database_url)
    words = "rowid" if engine.dialect.name == "sqlite" else "resource_key"
    async with engine.begin() as connection:
        keys = (await connection.execute(sql("SELECT id, resource_key FROM resource_current"))).all()
        for name, one in damages.items():
            if one.statement:
                await connection.execute(sql(one.statement.replace("{words}", words)), {"id": name})
    await engine.dispose()
    return dict(keys)


async def found_in(database_url: str) -> set[tuple[str, Kind]]:
    return {(one.about, one.kind) async for one in disagreements(database_url, base=BASE)}


async def test_every_damage_of_a_store_is_found_with_type_and_id_and_nothing_else_is(
    repository: Repository, database: str, database_url: str
) -> None:
    await fill(repository)
    to_be_told = {
        ("Observation/dangling", Kind.REFERENCE),
        ("DocumentReference/wrong-hash", Kind.SPAN),
        ("Observation/span", Kind.SPAN),
    }
    assert await found_in(database_url) == to_be_told
    damages = {name: one for name, one in DAMAGES.items() if one.only in ("", database)}
    keys = await damage(database_url, damages)
    wanted = {
        (f"Observation/{name}{ending.strip()}", kind)
        for name, one in damages.items()
        for ending, kind in one.found.items()
    }
    left = {
        (f"resource_key {keys[name]}", Kind.INDEX) for name, one in damages.items() if one.leaves in ("any", database)
    }
    assert await found_in(database_url) == to_be_told | wanted | left
