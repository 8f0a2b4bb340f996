"""Patient/[id]/$everything; each test names the rule of the R4 REST rules it proves."""

from __future__ import annotations

import pytest
from api_client import BASE, Client, issues, observation, patient


async def told(client: Client) -> None:
    """A patient with a case, and another one."""
    someone = {"reference": "Patient/p"}
    bodies = [
        patient(id="p"),
        patient(id="q"),
        observation("p", id="o"),
        observation("q", id="other"),
        {
            "resourceType": "Procedure",
            "id": "v",
            "status": "completed",
            "subject": someone,
            "usedReference": [{"reference": "Device/d"}],
        },
        {"resourceType": "Device", "id": "d"},
        {"resourceType": "Device", "id": "unused"},
        {
            "resourceType": "Provenance",
            "id": "s",
            "target": [{"reference": "Observation/o"}],
            "recorded": "2026-01-31T12:00:00Z",
            "agent": [{"who": {"reference": "Device/x"}}],
        },
        {"resourceType": "Device", "id": "x"},
    ]
    for body in bodies:
        answer = await client.put(f"/fhir/{body['resourceType']}/{body['id']}", json=body)
        assert answer.status_code == 201, answer.text


@pytest.mark.rule("EVT-1")
async def test_evt_1_everything_is_the_patient_the_compartment_and_what_those_refer_to(client: Client) -> None:
    await told(client)
    answer = await client.get("/fhir/Patient/p/$everything")
    assert answer.status_code == 200
    bundle = answer.json()
    found = [entry["fullUrl"].removeprefix(f"{BASE}/") for entry in bundle["entry"]]
    assert found[0] == "Patient/p"
    assert set(found) == {"Patient/p", "Observation/o", "Procedure/v", "Device/d", "Provenance/s", "Device/x"}
    assert (bundle["type"], bundle["total"]) == ("searchset", len(found))


async def test_evt_2_type_limits_it(client: Client) -> None:
    await told(client)
    answer = await client.get("/fhir/Patient/p/$everything?_type=Observation,Device&_format=json")
    kinds = [entry["resource"]["resourceType"] for entry in answer.json()["entry"]]
    assert set(kinds) == {"Observation", "Device"}


@pytest.mark.rule("EVT-1")
async def test_evt_1_a_patient_that_is_not_there_is_404_and_a_deleted_one_410(client: Client) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p"))
    await client.delete("/fhir/Patient/p")
    assert (await client.get("/fhir/Patient/p/$everything")).status_code == 410
    missing = await client.get("/fhir/Patient/nobody/$everything")
    assert missing.status_code == 404
    assert issues(missing)


@pytest.mark.parametrize(
    "query", ["start=2020-01-01", "_since=2020-01-01T00:00:00Z", "_count=5", "_type=Nonsense", "x=1"]
)
async def test_evt_2_a_parameter_that_would_narrow_it_is_refused_and_not_passed_over(
    client: Client, query: str
) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p"))
    answer = await client.get(f"/fhir/Patient/p/$everything?{query}")
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"] == [f"http.{query.partition('=')[0]}"]
