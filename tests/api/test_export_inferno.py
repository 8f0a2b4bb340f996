"""The assertions of Inferno's Bulk Data v2.0.0 server suite (kit 0.13.0), named as there, with access control on.

`…_tls_version_…` are of whoever ends TLS in front of the service (docs/howto/behind-nginx.md).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_client import Client, issues
from bulk_client import ASYNC, finished, kicked_off, manifest_of
from smart_client import JWKS, secured, token

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.json_text import encode
from fhir_service.storage.repository import Client as Registered
from fhir_service.storage.repository import Create, Repository, open_repository
from fhir_service.validation.structure import findings

LEVELS = {"group": "Group/g/$export", "patient": "Patient/$export", "system": "$export"}
OPERATIONS = {"group": "Group", "patient": "Patient", "system": ""}
level = pytest.mark.parametrize("level", LEVELS)


@pytest_asyncio.fixture(scope="module")
async def store(lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    opened = await open_repository(lasting_database("sqlite"))
    for name, scope in (("reader", "system/*.rs"), ("other", "system/*.rs"), ("narrow", "system/Patient.rs")):
        await opened.clients.add(Registered(name, "", scope, jwks=json.dumps(JWKS)))
    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in (1, 2)]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
    made = [Create("Patient", encode({"resourceType": "Patient"}), f"p{number}") for number in (1, 2, 3)]
    code = {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/p1"}}
    made.append(Create("Observation", encode({"resourceType": "Observation", **code}), "o"))
    await opened.commit([*made, Create("Group", encode(group), "g")], OPEN)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module")
async def bulk(store: Repository, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder: Path = tmp_path_factory.mktemp("exports")
    async with secured(store, run_jobs=True, export_files=str(folder), export_polls=1e6) as client:
        client.headers.update(await token(client, "reader", "system/*.rs"))
        yield client
        await client._transport.app.state.service.end_jobs()  # type: ignore[attr-defined]  # the ASGI transport's


async def without_token(client: Client, address: str) -> int:
    return (await client.get(address, headers={"authorization": ""})).status_code


async def complete(client: Client, level: str) -> dict[str, Any]:
    return await manifest_of(client, await kicked_off(client, LEVELS[level]))


@level
async def test_bulk_data_export_operation_support(bulk: Client, level: str) -> None:
    statement = (await bulk.get("/fhir/metadata")).json()
    assert "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data" in statement["instantiates"]
    rest = statement["rest"][0]
    held = {"": rest} | {one["type"]: one for one in rest["resource"]}
    names = [one["name"] for one in held[OPERATIONS[level]]["operation"]]
    assert "export" in names


@level
async def test_bulk_data_no_auth_reject(bulk: Client, level: str) -> None:
    assert await without_token(bulk, f"/fhir/{LEVELS[level]}") in (400, 401)


@level
async def test_bulk_data_kick_off_status_check_output_check_and_valid_resources(bulk: Client, level: str) -> None:
    """`bulk_data_{l}_kick_off`, `_status_check`, `_output_check`, `_ndjson_download`, `_valid_resources`,
    `_multiple_patients`."""
    address = await kicked_off(bulk, LEVELS[level])
    done = await finished(bulk, address)
    assert done.status_code == 200
    assert done.headers["content-type"] == "application/json"
    manifest = done.json()
    assert {"transactionTime", "request", "requiresAccessToken", "output", "error"} <= manifest.keys()
    assert manifest["requiresAccessToken"] is True
    patients = []
    for item in manifest["output"]:
        assert item["url"].startswith("http://")
        assert await without_token(bulk, item["url"]) in (400, 401)
        file = await bulk.get(item["url"], headers={"accept": "application/fhir+ndjson"})
        assert file.headers["content-type"] == "application/fhir+ndjson"
        for line in map(json.loads, file.content.splitlines()):
            assert line["resourceType"] == item["type"]
            assert not [one for one in findings(line) if one.severity in ("error", "fatal")]
            patients += [line["id"]] if item["type"] == "Patient" else []
    assert len(patients) == (2 if level == "group" else 3)


@level
async def test_bulk_data_export_cancel_stu2(bulk: Client, level: str) -> None:
    """Also `bulk_data_export_group_cancel`, `bulk_data_patient_export_cancel`, `bulk_data_system_export_cancel`."""
    address = await kicked_off(bulk, LEVELS[level])
    assert (await bulk.delete(address)).status_code == 202
    gone = await bulk.get(address)
    assert gone.status_code == 404
    assert issues(gone)


@pytest.mark.rule("BULK-PAR-1")
@level
async def test_output_format_in_export_response(bulk: Client, level: str) -> None:
    for name in ("application/fhir+ndjson", "application/ndjson", "ndjson"):
        begun = await bulk.get(f"/fhir/{LEVELS[level]}", params={"_outputFormat": name}, headers=ASYNC)
        assert begun.status_code == 202, begun.text
        assert (await bulk.delete(begun.headers["content-location"])).status_code == 202


@level
async def test_since_in_export_response(bulk: Client, level: str) -> None:
    begun = await bulk.get(f"/fhir/{LEVELS[level]}", params={"_since": "2026-01-01T00:00:00+01:00"}, headers=ASYNC)
    assert begun.status_code == 202, begun.text
    assert (await bulk.delete(begun.headers["content-location"])).status_code == 202


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
