"""Who gets what of an export, with access control on. (`tests/conformance/test_inferno_bulk.py` has the rest.)"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from api_client import Client
from bulk_client import ASYNC, finished, kicked_off, manifest_of
from smart_client import JWKS, secured, token

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.json_text import encode
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Create, Repository, open_repository


@pytest_asyncio.fixture(scope="module")
async def store(lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    opened = await open_repository(lasting_database("sqlite"))
    of_a_group = "system/Patient.rs system/Group.r?_id=g"
    scopes = {"reader": "system/*.rs", "other": "system/*.rs", "narrow": "system/Patient.rs", "group": of_a_group}
    for name, scope in scopes.items():
        await opened.clients.add(Registered(name, "", scope, jwks=json.dumps(JWKS)))
    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in (1, 2)]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
    made = [Create("Patient", encode({"resourceType": "Patient"}), f"p{number}") for number in (1, 2, 3)]
    code = {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/p1"}}
    made.append(Create("Observation", encode({"resourceType": "Observation", **code}), "o"))
    await opened.commit([*made, *(Create("Group", encode(group), name) for name in ("g", "h"))], OPEN)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module")
async def bulk(store: Repository, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder: Path = tmp_path_factory.mktemp("exports")
    async with secured(store, run_jobs=True, export_files=str(folder), export_polls=1e6) as client:
        client.headers.update(await token(client, "reader", "system/*.rs"))
        yield client
        await client._transport.app.state.service.end_jobs()  # type: ignore[attr-defined]  # the ASGI transport's


@pytest.mark.rule("BULK-ST-8", "BULK-SCO-8")
async def test_the_export_of_another_client_is_not_found(bulk: Client) -> None:
    address = await kicked_off(bulk, "$export")
    manifest = await manifest_of(bulk, address)
    headers = await token(bulk, "other", "system/*.rs")
    for url in (address, manifest["output"][0]["url"]):
        assert (await bulk.get(url, headers=headers)).status_code == 404
    assert (await bulk.delete(address, headers=headers)).status_code == 404
    less = await token(bulk, "reader", "system/Patient.rs")  # of the same client
    for url in (address, manifest["output"][0]["url"]):
        assert (await bulk.get(url, headers=less)).status_code == 403
    assert (await bulk.get(address)).status_code == 200


@pytest.mark.rule("BULK-SCO-6", "BULK-GRP-1")
async def test_a_client_gets_the_types_of_its_scope_and_is_refused_others(bulk: Client) -> None:
    scope = await token(bulk, "narrow", "system/Patient.rs")
    refused = await bulk.get("/fhir/$export?_type=Observation", headers=ASYNC | scope)
    assert refused.status_code == 403
    begun = await bulk.get("/fhir/Patient/$export", headers=ASYNC | scope)
    answered = await finished(bulk, begun.headers["content-location"], **scope)
    assert {item["type"] for item in answered.json()["output"]} == {"Patient"}
    assert (await bulk.get("/fhir/Group/g/$export", headers=ASYNC | scope)).status_code == 403


@pytest.mark.rule("BULK-GRP-1")
async def test_a_group_is_exported_to_whom_the_token_or_the_registration_lets_read_it(bulk: Client) -> None:
    """A client asks for tokens of the types that it wants, and a Group is none of them."""
    scope = await token(bulk, "group", "system/Patient.rs")
    begun = await bulk.get("/fhir/Group/g/$export", headers=ASYNC | scope)
    done = await finished(bulk, begun.headers["content-location"], **scope)
    assert [(item["type"], item["count"]) for item in done.json()["output"]] == [("Patient", 2)]
    assert (await bulk.get("/fhir/Group/h/$export", headers=ASYNC | scope)).status_code == 404
    assert (await bulk.get("/fhir/Group/g", headers=scope)).status_code == 403
