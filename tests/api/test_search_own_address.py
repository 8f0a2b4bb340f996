"""Absolute references to resources of this server, where no public address is set: the client's address is ours."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import Client

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Peters"}]}


def observation(name: str, subject: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": subject},
    }


async def stored(client: Client) -> None:
    """One reference as a PUT writes it, one as a transaction does, one of another server."""
    for one in (
        PATIENT,
        observation("put", "http://localhost/fhir/Patient/p1"),
        observation("elsewhere", "http://localhost:8080/fhir/Patient/p1"),
    ):
        assert (await client.put(f"/fhir/{one['resourceType']}/{one['id']}", json=one)).status_code == 201
    entry = {
        "resource": observation("in-a-bundle", "https://127.0.0.1/fhir/Patient/p1"),
        "request": {"method": "PUT", "url": "Observation/in-a-bundle"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert (await client.post("/fhir", json=bundle)).status_code == 200


@pytest.mark.rule("REF-1", "GEN-1", "CHN-1", "SRC-3")
@pytest.mark.parametrize(
    "search",
    [
        "Observation?subject=Patient/p1",
        "Observation?subject=p1",
        "Observation?patient=http://localhost/fhir/Patient/p1",
        "Observation?patient=https://[::1]/fhir/Patient/p1",
        "Observation?patient.name=peters",
        "Patient/p1/Observation",
    ],
)
async def test_an_absolute_reference_to_this_server_is_found_as_a_relative_one(client: Client, search: str) -> None:
    await stored(client)
    found = (await client.get(f"/fhir/{search}")).json()
    assert sorted(entry["resource"]["id"] for entry in found["entry"]) == ["in-a-bundle", "put"]


@pytest.mark.rule("REF-1", "INC-1", "INC-2", "HAS-1", "EVT-1")
async def test_an_absolute_reference_to_this_server_is_followed(client: Client) -> None:
    await stored(client)
    for search in ("Patient?_id=p1&_revinclude=Observation:subject", "Patient/p1/$everything"):
        entries = (await client.get(f"/fhir/{search}")).json()["entry"]
        assert sorted(entry["resource"]["id"] for entry in entries) == ["in-a-bundle", "p1", "put"]
    included = (await client.get("/fhir/Observation?_id=put&_include=Observation:subject")).json()["entry"]
    assert [entry["resource"]["id"] for entry in included] == ["put", "p1"]
    having = (await client.get("/fhir/Patient?_has:Observation:subject:_id=put")).json()
    assert having["total"] == 1
