"""A search that several ask for at once is made once; each has the whole answer, and its own record of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from api_client import Client, issues, observation, patient

from fhir_service.api.auth.gate import OpenGate
from fhir_service.fhir.access import Access, Grant
from fhir_service.fhir.errors import TookTooLong
from fhir_service.storage.repository import Page, Repository

Connect = Callable[..., Client]
SEARCH = "/fhir/Observation?patient=p"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The queries that reach the store, each of which takes a moment."""
    queries: list[Any] = []
    search = Repository.search

    async def counted(self: Repository, query: Any, *others: Any) -> Page:
        queries.append(query)
        found = await search(self, query, *others)
        await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(Repository, "search", counted)
    return queries


async def filled(client: Client) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p"))
    await client.put("/fhir/Observation/o", json=observation("p", id="o"))


async def all_of(client: Client, *asked: tuple[str, dict[str, str]]) -> list[httpx.Response]:
    return await asyncio.gather(*(client.get(url, headers=headers) for url, headers in asked))


async def test_each_gets_the_answer_and_has_a_record_of_it(connect: Connect, made: list[Any]) -> None:
    async with connect(audit="on") as client:
        await filled(client)
        answers = await all_of(client, *((SEARCH, {"x-request-id": f"r-{number}"}) for number in range(8)))
        assert {answer.content for answer in answers} == {answers[0].content}
        assert [entry["resource"]["id"] for entry in answers[0].json()["entry"]] == ["o"]
        assert len(made) < len(answers)
        told = (await client.get("/fhir/AuditEvent?_count=100")).json()["entry"]
        searches = [
            entry["resource"]["entity"]
            for entry in told
            if base64.b64decode(entry["resource"]["entity"][0]["query"]).decode() == SEARCH.removeprefix("/fhir/")
        ]
    assert {entity[0]["detail"][0]["valueString"] for entity in searches} == {f"r-{number}" for number in range(8)}
    assert all([one["what"]["reference"] for one in entity[1:]] == ["Patient/p"] for entity in searches)


async def test_what_differs_is_searched_for_by_itself(client: Client, made: list[Any]) -> None:
    await filled(client)
    strict = {"prefer": "handling=strict"}
    asked = [(f"{SEARCH}&unknown=1", {}), (f"{SEARCH}&unknown=1", strict), (f"{SEARCH}&_count=1", {}), (SEARCH, {})]
    lenient, refused, counted, plain = await all_of(client, *asked)
    assert [answer.status_code for answer in (lenient, refused, counted, plain)] == [200, 400, 200, 200]
    assert issues(refused)
    assert len(made) == 3
    for answer, (url, _) in zip((lenient, counted, plain), (asked[0], asked[2], asked[3]), strict=True):
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        assert links["self"].partition("?")[2] == url.replace("&unknown=1", "").partition("?")[2]


async def test_nobody_gets_what_another_may_see(
    client: Client, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(client)
    whose = {
        b"all": Access(client_id="all"),
        b"one": Access((Grant("rs", "Observation", "code=none"),), client_id="one"),
    }

    async def access(_gate: OpenGate, headers: Any) -> Access:
        return whose[dict(headers)[b"authorization"]]

    monkeypatch.setattr(OpenGate, "access", access)
    asked = [(SEARCH, {"authorization": name.decode()}) for name in (b"all", b"one", b"all", b"one")]
    totals = [answer.json()["total"] for answer in await all_of(client, *asked)]
    assert (totals, len(made) <= 4) == ([1, 0, 1, 0], True)


async def test_each_asks_for_the_part_and_the_form_it_wants(client: Client, made: list[Any]) -> None:
    await filled(client)
    whole, xml = await all_of(client, (SEARCH, {}), (SEARCH, {"accept": "application/fhir+xml"}))
    assert (whole.headers["content-type"], xml.headers["content-type"]) == (
        "application/fhir+json",
        "application/fhir+xml",
    )
    assert "<Bundle" in xml.text
    assert len(made) <= 2


async def test_an_error_is_told_to_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: Any) -> Page:
        await asyncio.sleep(0.05)
        raise TookTooLong("the search took too long")

    monkeypatch.setattr(Repository, "search", slow)
    answers = await all_of(client, *((SEARCH, {}) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {TookTooLong.status}
    assert all(issues(answer)[0]["diagnostics"] == "the search took too long" for answer in answers)
    assert len({issues(answer) is not None and answer.headers["x-request-id"] for answer in answers}) == 4
