"""With access control on, AuditEvents name the client, and only a scope that names them shows them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest_asyncio
from api_client import Client, issues, patient
from smart_client import JWKS, Signer, ask, form, secured, token

from fhir_service.fhir.access import OPEN
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Create, Repository, open_repository


@pytest_asyncio.fixture(scope="module")
async def store(lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    """A store with a patient, a client that reads all data, and one that keeps watch over it."""
    opened = await open_repository(lasting_database("sqlite"))
    keys = json.dumps(JWKS)
    await opened.clients.add(Registered("reader", "", "system/*.rs", jwks=keys))
    await opened.clients.add(Registered("watch", "", "system/AuditEvent.rs", jwks=keys))
    await opened.commit([Create("Patient", json.dumps(patient()).encode(), "p1")], OPEN)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def client(store: Repository) -> AsyncIterator[Client]:
    async with secured(store) as client:
        yield client


async def test_an_access_is_told_with_the_client_that_had_it(client: Client) -> None:
    reader = await token(client, "reader", "system/*.rs")
    watch = await token(client, "watch", "system/AuditEvent.rs")
    assert (await client.get("/fhir/Patient/p1", headers=reader)).status_code == 200
    found = (await client.get("/fhir/AuditEvent?patient=p1&altid=reader", headers=watch)).json()
    agent = found["entry"][0]["resource"]["agent"][0]
    assert agent["altId"] == "reader"
    assert agent["who"] == {"identifier": {"value": "reader"}}


async def test_leave_for_all_data_is_none_for_the_events(client: Client) -> None:
    reader = await token(client, "reader", "system/*.rs")
    for path in ("AuditEvent", "AuditEvent?patient=p1", "AuditEvent/1"):
        answer = await client.get(f"/fhir/{path}", headers=reader)
        assert answer.status_code == 403
        assert issues(answer)
    searched = await client.get("/fhir?_type=Patient&_revinclude=AuditEvent:entity", headers=reader)
    assert "AuditEvent/" not in searched.text


async def test_who_keeps_watch_does_not_therefore_see_data_and_what_is_refused_is_told(client: Client) -> None:
    watch = await token(client, "watch", "system/AuditEvent.rs")
    assert (await client.get("/fhir/Patient/p1", headers=watch)).status_code == 403
    found = (await client.get("/fhir/AuditEvent?altid=watch&outcome=4", headers=watch)).json()
    event = found["entry"][0]["resource"]
    assert event["outcomeDesc"] == "HTTP status 403"
    assert event["entity"][1]["what"] == {"reference": "Patient/p1"}


async def test_each_client_has_a_limit_of_its_own(store: Repository) -> None:
    async with secured(store, rate_limit="4/hour") as client:
        reader = await token(client, "reader", "system/*.rs")
        watch = await token(client, "watch", "system/AuditEvent.rs")
        statuses = [(await client.get("/fhir/Patient/p1", headers=reader)).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 200, 429]
        assert (await client.get("/fhir/AuditEvent", headers=watch)).status_code == 200
        without = {"authorization": "Bearer nonsense"}
        refused = [(await client.get("/fhir/Patient/p1", headers=without)).status_code for _ in range(3)]
        assert refused == [401, 401, 429]


async def test_who_was_not_let_in_is_told_with_how_often(client: Client) -> None:
    watch = await token(client, "watch", "system/AuditEvent.rs")
    for number in range(30):
        header = {"authorization": f"Bearer nonsense{number}"} if number % 2 else {}
        assert (await client.get("/fhir/Patient/p1", headers=header)).status_code == 401
    assert (await ask(client, form(Signer("nobody").assertion()))).status_code == 401
    assert (await client.get("/fhir/metadata")).status_code == 200
    found = (await client.get("/fhir/AuditEvent?subtype=login", headers=watch)).json()
    event = found["entry"][0]["resource"]  # the newest; other cases have had refusals
    assert event["type"]["code"] == "110114"
    assert (event["outcome"], event["outcomeDesc"]) == ("4", "HTTP status 401")
    assert event["agent"][0]["network"]["address"] == "127.0.0.1"
    assert {"type": "times", "valueString": "31"} in event["entity"][0]["detail"]
