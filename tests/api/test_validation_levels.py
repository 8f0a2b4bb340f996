"""How far resources are validated before they are stored: by type, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from api_client import Client, issues, patient

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
Connect = Callable[..., Client]


def observation(category: str = "laboratory", **more: Any) -> dict[str, Any]:
    coding = {"system": CATEGORY, "code": category}
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [coding]}],
        "code": {"text": "a"},
        **more,
    }


def bundle(*resources: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def rules(answer: Any) -> list[tuple[str, str]]:
    return [(issue["details"]["coding"][0]["code"], issue["expression"][0]) for issue in issues(answer)]


async def test_codes_are_not_looked_at_unless_the_settings_say_so(client: Client) -> None:
    assert (await client.post("/fhir/Observation", json=observation("nothing"))).status_code == 201


async def test_what_breaks_a_later_layer_is_422_in_every_way_of_writing(connect: Connect) -> None:
    wrong, place = observation("nothing", id="o"), "Observation.category[0].coding[0].code"
    patch = [{"op": "replace", "path": "/category/0/coding/0/code", "value": "nothing"}]
    to_patch = {"content-type": "application/json-patch+json"}
    async with connect(validation=("Observation=codes",)) as client:
        assert (await client.put("/fhir/Observation/o", json=observation(id="o"))).status_code == 201
        for answer in (
            await client.post("/fhir/Observation", json=wrong),
            await client.put("/fhir/Observation/o", json=wrong),
            await client.put("/fhir/Observation?status=final", json=wrong),
            await client.patch("/fhir/Observation/o", json=patch, headers=to_patch),
        ):
            assert (answer.status_code, rules(answer)) == (422, [("code.unknown", place)])
        answer = await client.post("/fhir", json=bundle(patient(id="p"), wrong))
        assert (answer.status_code, rules(answer)) == (422, [("code.unknown", f"Bundle.entry[1].resource{place[11:]}")])
        in_batch = (await client.post("/fhir", json=bundle(patient(id="p"), wrong, kind="batch"))).json()["entry"]
        assert [entry["response"]["status"][:3] for entry in in_batch] == ["201", "422"]
        assert (await client.get("/fhir/Observation/o")).json()["meta"]["versionId"] == "1"


async def test_a_type_may_be_asked_for_its_structure_only(connect: Connect) -> None:
    bad = patient(id="p", contact=[{"gender": "female"}])
    async with connect(validation=("Patient=structure",)) as client:
        assert (await client.put("/fhir/Patient/p", json=bad)).status_code == 201
        assert (await client.post("/fhir", json=bundle(bad))).status_code == 200
        assert (await client.put("/fhir/Patient/p", json={**bad, "colour": 1})).status_code == 400
        device = {"resourceType": "Device", "id": "d", "contained": [patient(id="x")]}
        assert (await client.put("/fhir/Device/d", json=device)).status_code == 422


async def test_profiles_that_a_resource_names_refuse_it(connect: Connect) -> None:
    named = observation(meta={"profile": ["http://hl7.org/fhir/StructureDefinition/bodyweight"]})
    async with connect(validation=("*=profiles",)) as client:
        answer = await client.post("/fhir/Observation", json=named)
    assert answer.status_code == 422
    assert "Observation.subject" in {place for _, place in rules(answer)}


async def test_warnings_come_back_where_the_client_prefers_an_outcome(connect: Connect) -> None:
    called = observation(subject={"reference": "Patient/nobody"})
    called["category"][0]["coding"][0]["display"] = "Imaging"
    async with connect(validation=("*=references",)) as client:
        answer = await client.post("/fhir/Observation", json=called, headers={"prefer": "return=OperationOutcome"})
        assert answer.status_code == 201
    told = [issue["details"]["coding"][0]["code"] for issue in answer.json()["issue"] if "details" in issue]
    assert {"code.display", "reference.missing"} <= set(told)


@pytest.mark.parametrize("there", [True, False])
async def test_a_reference_to_nothing_refuses_where_the_settings_say_so(connect: Connect, there: bool) -> None:
    about = observation(id="o", subject={"reference": "Patient/p"}, performer=[{"reference": "http://a.org/Patient/x"}])
    async with connect(validation=("*=references",), missing_targets="error") as client:
        if there:
            await client.put("/fhir/Patient/p", json=patient(id="p"))
        for answer in (
            await client.put("/fhir/Observation/o", json=about),
            await client.post("/fhir", json=bundle(about)),
        ):
            assert (answer.status_code < 300) is there
            assert there or [rule for rule, _ in rules(answer)] == ["reference.missing"]
        assert (await client.post("/fhir", json=bundle(about, patient(id="p")))).status_code == 200
        await client.delete("/fhir/Observation/o")
        await client.delete("/fhir/Patient/p")
        assert (await client.put("/fhir/Observation/o", json=about)).status_code == 422


async def test_a_profile_that_a_client_has_stored_refuses_in_every_way_of_writing(connect: Connect) -> None:
    url = "http://a.example.org/with-a-method"
    element = {"id": "Observation.method", "path": "Observation.method", "min": 1}
    profile = {"resourceType": "StructureDefinition", "id": "with-a-method", "url": url, "name": "WithMethod"}
    profile |= {"status": "active", "kind": "resource", "abstract": False, "type": "Observation"}
    profile |= {"baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation", "derivation": "constraint"}
    wrong = observation(id="o", meta={"profile": [url]})
    right = wrong | {"method": {"text": "ruler"}}
    patch = [{"op": "remove", "path": "/method"}]
    to_patch = {"content-type": "application/json-patch+json"}
    async with connect(validation=("Observation=profiles",)) as client:
        stored = profile | {"differential": {"element": [element]}}
        assert (await client.put("/fhir/StructureDefinition/with-a-method", json=stored)).status_code == 201
        assert (await client.put("/fhir/Observation/o", json=right)).status_code == 201
        for answer in (
            await client.post("/fhir/Observation", json=wrong),
            await client.put("/fhir/Observation/o", json=wrong),
            await client.patch("/fhir/Observation/o", json=patch, headers=to_patch),
        ):
            assert (answer.status_code, rules(answer)) == (422, [("profile.min", "Observation.method")])
        answer = await client.post("/fhir", json=bundle(patient(id="p"), wrong))
        assert (answer.status_code, rules(answer)) == (422, [("profile.min", "Bundle.entry[1].resource.method")])
