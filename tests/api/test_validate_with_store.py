"""$validate with what is in the store: definitions that clients have stored, and what references lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api_client import Client, patient

from fhir_service.workflows import stored_conformance

A = "http://a.example.org"
CORE = "http://hl7.org/fhir/StructureDefinition"


def code_system(*codes: str) -> dict[str, Any]:
    concepts = [{"code": code, "display": code.title()} for code in codes]
    return {
        "resourceType": "CodeSystem",
        "id": "colours",
        "url": f"{A}/colours",
        "status": "active",
        "content": "complete",
        "concept": concepts,
    }


def value_set() -> dict[str, Any]:
    include = [{"system": f"{A}/colours"}]
    return {
        "resourceType": "ValueSet",
        "id": "v",
        "url": f"{A}/v",
        "status": "active",
        "compose": {"include": include},
    }


def profile(name: str, base: str, *elements: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": f"{A}/{name}",
        "name": name.title(),
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Observation",
        "baseDefinition": base,
        "derivation": "constraint",
        "differential": {"element": [{"id": entry["path"], **entry} for entry in elements]},
    }


def coloured(code: str, **more: Any) -> dict[str, Any]:
    coding = {"system": f"{A}/colours", "code": code}
    return {"resourceType": "Observation", "status": "final", "code": {"coding": [coding]}, **more}


async def put(client: Client, *resources: dict[str, Any]) -> None:
    for resource in resources:
        answer = await client.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code in (200, 201), answer.text


async def found(client: Client, resource: dict[str, Any], **asked: Any) -> list[tuple[str, str, str]]:
    """Severity, rule and place."""
    answer = await client.post(f"/fhir/{resource['resourceType']}/$validate", params=asked, json=resource)
    assert answer.status_code == 200, answer.text
    return [
        (issue["severity"], issue["details"]["coding"][0]["code"], issue.get("expression", [""])[0])
        for issue in answer.json()["issue"]
        if "coding" in issue.get("details", {}) and issue["details"]["coding"][0]["code"] != "dom-6"
    ]


class TestDefinitions:
    async def test_a_stored_profile_its_base_and_its_value_set_take_part(self, client: Client) -> None:
        bound = {"path": "Observation.code", "binding": {"strength": "required", "valueSet": f"{A}/v"}}
        base = profile("base", f"{CORE}/Observation", {"path": "Observation.subject", "min": 1})
        await put(client, code_system("red"), value_set(), base, profile("p", f"{A}/base", bound))
        wrong = await found(client, coloured("blue"), profile=f"{A}/p")
        places = {place for severity, _, place in wrong if severity == "error"}
        assert {"Observation.code", "Observation.subject"} <= places
        right = coloured("red", subject={"display": "somebody"})
        assert await found(client, right, profile=f"{A}/p") == []
        assert await found(client, {**right, "meta": {"profile": [f"{A}/p"]}}) == []

    async def test_a_new_version_of_a_definition_is_seen_at_once(self, client: Client) -> None:
        unknown = [("error", "code.unknown", "Observation.code.coding[0].code")]
        await put(client, code_system("red"))
        assert await found(client, coloured("blue")) == unknown
        await put(client, code_system("red", "blue"))
        assert await found(client, coloured("blue")) == []
        await client.delete("/fhir/CodeSystem/colours")
        assert [severity for severity, _, _ in await found(client, coloured("blue"))] == ["information"]

    async def test_what_was_made_ready_is_not_made_again(self, client: Client, monkeypatch: Any) -> None:
        await put(client, code_system("red"))
        await found(client, coloured("red"))

        def made_again(*_: Any) -> None:
            raise AssertionError

        monkeypatch.setattr(stored_conformance.Conformance, "with_definitions", made_again)
        assert await found(client, coloured("red")) == []

    async def test_several_profiles_are_all_looked_at(self, idle_client: Client) -> None:
        asked = [f"{CORE}/bodyweight", f"{A}/nowhere"]
        rules = {rule for _, rule, _ in await found(idle_client, coloured("red"), profile=asked)}
        assert "profile.unknown" in rules
        assert len([rule for rule in rules if rule.startswith("profile.")]) > 1


class TestReferences:
    async def test_what_a_reference_leads_to_is_looked_up(self, client: Client) -> None:
        await put(client, patient(id="p"))
        about = [{"reference": f"Patient/{name}"} for name in ("p", "q")]
        resource = {
            "resourceType": "Group",
            "type": "person",
            "actual": True,
            "member": [{"entity": one} for one in about],
        }
        place = "Group.member[1].entity.reference"
        assert await found(client, resource) == [("warning", "reference.missing", place)]
        assert await found(client, resource, references="error") == [("error", "reference.missing", place)]
        assert await found(client, resource, references="off") == []

    async def test_absolute_references_to_this_server_are_its_own(self, client: Client) -> None:
        about = ("http://localhost/fhir/Patient/q", "http://elsewhere.example.org/fhir/Patient/q")
        performers = [{"reference": reference} for reference in about]
        resource = {"resourceType": "Observation", "status": "final", "code": {"text": "a"}, "performer": performers}
        assert await found(client, resource) == [("warning", "reference.missing", "Observation.performer[0].reference")]

    async def test_settings_say_what_it_means(self, connect: Callable[..., Client]) -> None:
        resource = {"resourceType": "Procedure", "status": "completed", "subject": {"reference": "Patient/q"}}
        for setting, severities in (("off", []), ("error", ["error"])):
            async with connect(missing_targets=setting) as client:
                assert [severity for severity, _, _ in await found(client, resource)] == severities

    async def test_another_word_is_refused(self, idle_client: Client) -> None:
        answer = await idle_client.post("/fhir/Patient/$validate?references=maybe", json=patient())
        assert answer.status_code == 400


async def test_each_entry_of_a_bundle_is_validated_at_its_place(idle_client: Client) -> None:
    category = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "no"}]}]
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "a"}, "category": category}
    weight = {**observation, "category": [], "meta": {"profile": [f"{CORE}/bodyweight"]}}
    del weight["category"]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": observation}, {"resource": weight}],
    }
    places = {place for severity, _, place in await found(idle_client, bundle) if severity == "error"}
    assert "Bundle.entry[0].resource.category[0].coding[0].code" in places
    assert "Bundle.entry[1].resource.category" in places
