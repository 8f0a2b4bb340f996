"""Words are found whatever stands between them and however many there are, whichever way a resource came in."""

from __future__ import annotations

import pytest
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.search.query import parse_query
from fhir_service.storage.bulk_load import made_ready
from fhir_service.storage.checks.whole_store import disagreements
from fhir_service.storage.preparation import content_of
from fhir_service.storage.repository import Create, Repository, Update


def told(words: str) -> bytes:
    return patient(text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'})


async def stored(repository: Repository, text: bytes) -> None:
    """By each of the ways that rows go into the tables."""
    await repository.commit([Create("Patient", text, "created"), Create("Patient", patient(), "updated")], OPEN)
    await repository.commit([Update("Patient", "updated", text)], OPEN)
    ready = made_ready([(("Patient", "loaded"), content_of("Patient", "loaded", text, None))], repository.make_block)
    await repository.load(ready, OPEN)


async def found(repository: Repository, words: str) -> set[str]:
    page = await repository.search(parse_query("Patient", [("_text", words)]), OPEN)
    return {one.id for one in page.matches}


@pytest.mark.parametrize("sign", ["–", "„", "·", "…", "\u00a0", "\u200b", "_", "-"])
async def test_a_word_ends_at_any_sign(repository: Repository, database_url: str, sign: str) -> None:
    await stored(repository, told(f"Höhe T12{sign}L1."))
    for words in ("T12", "l1", f"t12{sign}L1", "höhe"):
        assert await found(repository, words) == {"created", "updated", "loaded"}, words
    assert [one async for one in disagreements(database_url)] == []


@pytest.mark.parametrize("filling", ["x", "𐐨"], ids=["of one byte", "of four"])
async def test_more_words_than_have_room_are_cut(repository: Repository, database_url: str, filling: str) -> None:
    words = [f"{number:05d}{filling * 95}" for number in range(11_000)]
    await stored(repository, told(" ".join(words)))
    assert await found(repository, words[1000]) == {"created", "updated", "loaded"}
    assert await found(repository, words[-1]) == set()
    assert [one async for one in disagreements(database_url)] == []
