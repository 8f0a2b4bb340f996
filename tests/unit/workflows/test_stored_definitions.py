"""Definitions are read once for each version and kept within bounds."""

from __future__ import annotations

from fhir_service.fhir.json_text import encode
from fhir_service.storage.repository import Stored
from fhir_service.workflows.stored_definitions import DefinitionCache

MOMENT = 1_769_817_600_000


def stored(version: int, name: str = "a") -> Stored:
    return Stored(
        "ValueSet", name, version, MOMENT, encode({"resourceType": "ValueSet", "id": name, "title": "x" * 900})
    )


async def test_a_version_is_read_once_and_another_one_anew() -> None:
    cache = DefinitionCache()
    first = await cache.definition(stored(1))
    assert await cache.definition(stored(1)) is first
    assert await cache.definition(stored(2)) is not first


async def test_what_was_asked_for_last_is_kept_and_the_rest_let_go() -> None:
    cache = DefinitionCache(most_bytes=2500)
    first, second = await cache.definition(stored(1, "a")), await cache.definition(stored(1, "b"))
    assert await cache.definition(stored(1, "a")) is first
    await cache.definition(stored(1, "c"))
    assert await cache.definition(stored(1, "a")) is first
    assert await cache.definition(stored(1, "b")) is not second
