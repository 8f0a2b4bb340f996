"""What the server says of itself is so: the CapabilityStatement and the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_client import BASE, Client, patient, settings

from fhir_service.api.app import openapi_document
from fhir_service.api.routes import INTERACTIONS
from fhir_service.validation.structure import findings

ROOT = Path(__file__).parents[2]
TYPES = settings().resource_types


async def statement(client: Client) -> dict[str, Any]:
    answer = await client.get("/fhir/metadata")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.rule("CAP-1")
async def test_cap_1_metadata_is_a_valid_capability_statement(idle_client: Client) -> None:
    for mode in ("", "?mode=full", "?mode=normative"):
        answer = await idle_client.get(f"/fhir/metadata{mode}")
        assert findings(answer.content) == []
        assert answer.json()["fhirVersion"] == "4.0.1"
        assert answer.json()["implementation"]["url"] == BASE


@pytest.mark.rule("CAP-2")
async def test_cap_2_its_etag_spares_a_second_look(idle_client: Client) -> None:
    first = await idle_client.get("/fhir/metadata")
    again = await idle_client.get("/fhir/metadata", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.rule("CAP-2")
async def test_cap_2_every_interaction_it_claims_works_for_every_type(idle_client: Client) -> None:
    (rest,) = (await statement(idle_client))["rest"]
    assert [resource["type"] for resource in rest["resource"]] == list(TYPES)
    assert {entry["code"] for entry in rest["interaction"]} == {"transaction", "batch", "history-system"}
    expected = {
        "create": ("POST", "", 400),
        "search-type": ("GET", "", 200),
        "read": ("GET", "/nobody", 404),
        "vread": ("GET", "/nobody/_history/1", 404),
        "update": ("PUT", "/a", 400),
        "patch": ("PATCH", "/nobody", 400),
        "delete": ("DELETE", "/nobody", 204),
        "history-instance": ("GET", "/nobody/_history", 404),
        "history-type": ("GET", "/_history", 200),
    }
    for resource in rest["resource"]:
        claimed = {entry["code"] for entry in resource["interaction"]}
        assert claimed == set(expected)
        for code in claimed:
            method, path, status = expected[code]
            body = {"content": b"{}"} if method in ("POST", "PUT") else {}
            answer = await idle_client.request(method, f"/fhir/{resource['type']}{path}", **body)
            assert answer.status_code == status


@pytest.mark.rule("CAP-2")
async def test_cap_2_every_search_parameter_it_claims_is_applied(idle_client: Client) -> None:
    values = {"token": "x", "reference": "x", "date": "2026"}
    for resource in (await statement(idle_client))["rest"][0]["resource"]:
        names = {parameter["name"] for parameter in resource["searchParam"]}
        assert {"_id", "_lastUpdated"} <= names
        for parameter in resource["searchParam"]:
            query = f"{parameter['name']}={values[parameter['type']]}"
            answer = await idle_client.get(f"/fhir/{resource['type']}?{query}", headers={"prefer": "handling=strict"})
            assert answer.status_code == 200, query


@pytest.mark.rule("CAP-2")
async def test_cap_2_every_operation_it_claims_answers(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    for resource in (await statement(client))["rest"][0]["resource"]:
        for operation in resource.get("operation", []):
            answer = await client.get(f"/fhir/{resource['type']}/a/${operation['name']}")
            assert answer.status_code == 200


@pytest.mark.rule("CAP-2")
async def test_cap_2_only_configured_types_are_served(connect: Callable[..., Client]) -> None:
    async with connect(resource_types=("Basic", "Patient")) as client:
        (rest,) = (await statement(client))["rest"]
        assert [resource["type"] for resource in rest["resource"]] == ["Basic", "Patient"]
        body = {"resourceType": "Basic", "code": {"text": "x"}}
        assert (await client.post("/fhir/Basic", json=body)).status_code == 201
        assert (await client.get("/fhir/Observation")).status_code == 404


def test_the_openapi_document_that_is_committed_is_the_one_that_is_served() -> None:
    committed = (ROOT / "openapi" / "fhir-service.json").read_bytes()
    assert committed == openapi_document(), "make openapi writes it anew"


async def test_the_openapi_document_is_served_as_committed(idle_client: Client) -> None:
    assert (await idle_client.get("/openapi.json")).json() == json.loads(openapi_document())


def test_the_openapi_document_has_every_row_that_routes_with_fhir_json_and_its_errors() -> None:
    document = json.loads(openapi_document())
    for row in INTERACTIONS:
        operation = document["paths"][f"/fhir/{row.path}".rstrip("/")][row.method.lower()]
        responses = operation["responses"]
        assert {str(status) for status in (*row.answers, *row.errors, 400, 406, 421, 500, 503)} == set(responses)
        for status, response in responses.items():
            if status not in ("204", "304"):
                assert set(response["content"]) == {"application/fhir+json"}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
