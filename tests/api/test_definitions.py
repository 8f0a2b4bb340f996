"""The definitions of `mappings/` are resources of the server (CREDS SRRD and CURD: contract/registry-submission.md A3):
read, searched, in history, and changed by nobody but the service."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from api_client import Client, issues

from fhir_service.api.routes import INTERACTIONS
from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.validation.structure import findings

MODEL = f"{DEFAULT_BASE}/StructureDefinition/case-report"
CREDS = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSStructureDefinition"
BESIDE = {"resourceType": "Patient", "id": "beside"}
REGISTRY: dict[str, Any] = {
    "resourceType": "StructureDefinition",
    "id": "va-registry",
    "url": "http://example.org/StructureDefinition/Va",
    "name": "VaRegistry",
    "title": "Vertebral augmentation",
    "status": "draft",
    "publisher": "A registry",
    "date": "2026-01-01",
    "meta": {"profile": [CREDS]},
    "fhirVersion": "4.0.1",
    "version": "2",
    "kind": "logical",
    "abstract": False,
    "type": "http://example.org/StructureDefinition/Va",
    "identifier": [{"system": "urn:registry", "value": "va-1"}],
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Kyphoplasty registry</div>'},
    "useContext": [
        {
            "code": {"system": "http://terminology.hl7.org/CodeSystem/usage-context-type", "code": "focus"},
            "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "207957008"}]},
        }
    ],
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element",
    "derivation": "specialization",
    "differential": {"element": [{"id": "Va", "path": "Va", "min": 0, "max": "*", "definition": "One case"}]},
}


def ids(answer: httpx.Response, mode: str = "match") -> set[str]:
    assert answer.status_code == 200, answer.text
    assert not [e for e in answer.json().get("entry", []) if e["search"]["mode"] == "outcome"], answer.text
    return {e["resource"]["id"] for e in answer.json().get("entry", []) if e["search"]["mode"] == mode}


@pytest.mark.rule("SRC-1")
class TestSearch:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("_id=va-registry", True),
            ("_id=va-registry,other", True),
            ("url=http://example.org/StructureDefinition/Va", True),
            ("url:below=http://example.org/StructureDefinition", True),
            ("name=varegistry", True),
            ("title=Vertebral", True),
            ("identifier=urn:registry|va-1", True),
            ("publisher=a reg", True),
            ("status=draft", True),
            ("status=active", False),
            ("context=207957008", True),
            ("context=http://snomed.info/sct|207957008", True),
            ("context-type=focus", True),
            ("context-type-value=focus$207957008", True),
            ("_lastUpdated=ge2026-01-01&_lastUpdated=lt2100-01-01", True),
            ("_lastUpdated=lt2026-01-01", False),
            ("date=eq2026-01-01", True),
            ("date=ge2025-01-01&date=le2026-12-31", True),
            ("date=gt2026-01-01", False),
            ("_text=kyphoplasty", True),
            ("_content=kyphoplasty", True),
            ("version=2", True),
            ("type=http://example.org/StructureDefinition/Va", True),
            ("base=http://hl7.org/fhir/StructureDefinition/Element", True),
            ("abstract=false", True),
            ("derivation=specialization", True),
            (f"kind=logical&_profile={CREDS}", True),
            ("kind=resource", False),
            ("_include=*", True),
        ],
    )
    async def test_a_registry_model_is_found_as_its_clients_ask(
        self, published_client: Client, query: str, found: bool
    ) -> None:
        await published_client.put("/fhir/StructureDefinition/va-registry", json=REGISTRY)
        answer = await published_client.get(
            f"/fhir/StructureDefinition?{query}&_count=1000", headers={"prefer": "handling=strict"}
        )
        assert ("va-registry" in ids(answer)) is found

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (f"StructureDefinition?url={MODEL}", "case-report"),
            ("StructureDefinition?kind=logical&name=casereport", "case-report"),
            ("StructureDefinition?type=Extension&name=side", "side"),
            (f"ConceptMap?source-system={DEFAULT_BASE}/CodeSystem/complication", "complication-to-snomed"),
            ("ConceptMap?source-code=cement-leakage-intradural", "complication-to-snomed"),
            ("ConceptMap?target-system=http://loinc.org", "measurement-to-loinc"),
            (f"CodeSystem?system={DEFAULT_BASE}/CodeSystem/complication", "complication"),
            ("CodeSystem?code=cement-leakage-intradural", "complication"),
            (f"ValueSet?reference={DEFAULT_BASE}/CodeSystem/complication", "complication"),
            ("SearchParameter?base=AdverseEvent&code=outcome", "adverse-event-outcome"),
            ("SearchParameter?type=token&target:missing=true", "adverse-event-code"),
        ],
    )
    async def test_our_own_definitions_are_found(self, published_client: Client, query: str, found: str) -> None:
        answer = await published_client.get(f"/fhir/{query}", headers={"prefer": "handling=strict"})
        assert found in ids(answer)

    async def test_a_search_by_form_and_a_count_find_the_same(self, published_client: Client) -> None:
        by_form = await published_client.post(
            "/fhir/StructureDefinition/_search",
            content="kind=logical&_count=5",
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        count = (await published_client.get("/fhir/StructureDefinition?kind=logical&_summary=count")).json()["total"]
        assert count >= 5
        assert len(ids(by_form)) == 5


async def test_every_definition_that_the_statement_names_is_found(published_client: Client) -> None:
    (rest,) = (await published_client.get("/fhir/metadata")).json()["rest"]
    parameters = {found["definition"] for entry in rest["resource"] for found in entry.get("searchParam", [])}
    operations = {found["definition"] for entry in (rest, *rest["resource"]) for found in entry.get("operation", [])}
    for named, folder in ((parameters, Kind.SEARCH_PARAMETER), (operations, Kind.OPERATION)):
        kept = set(catalogue().artifacts(folder))
        assert {url for url in named if url.startswith(DEFAULT_BASE)} <= kept <= named
        for url in kept:
            kind = url.split("/")[-2]
            assert len(ids(await published_client.get(f"/fhir/{kind}", params={"url": url}))) == 1, url


def test_a_definition_of_an_operation_has_the_inputs_of_the_operation() -> None:
    for url, definition in catalogue().artifacts(Kind.OPERATION).items():
        rows = [row for row in INTERACTIONS if row.definition == url]
        assert rows, url
        assert findings(definition) == []
        assert {row.code for row in rows} == {definition["code"]}
        given = {one["name"]: one["max"] == "*" for one in definition["parameter"] if one["use"] == "in"}
        repeats = {entry.name: entry.repeats for row in rows for entry in row.inputs}
        assert set(given) <= {*repeats, *(name for row in rows for name in row.parameters)}
        assert repeats.items() <= given.items()


async def test_a_definition_is_read_by_version_and_has_a_history(published_client: Client) -> None:
    read = await published_client.get("/fhir/CodeSystem/complication")
    assert findings(read.content) == []
    assert (read.json()["url"], read.headers["etag"]) == (f"{DEFAULT_BASE}/CodeSystem/complication", 'W/"1"')
    assert (await published_client.get("/fhir/CodeSystem/complication/_history/1")).content == read.content
    history = (await published_client.get("/fhir/CodeSystem/complication/_history")).json()
    assert history["total"] == 1


class TestNobodyChanges:
    place = "/fhir/CodeSystem/complication"

    async def refused(self, answer: httpx.Response) -> str:
        assert answer.status_code == 422, answer.text
        (issue,) = issues(answer)
        assert issue["code"] == "business-rule"
        assert "CodeSystem/complication comes with the service" in issue["diagnostics"]
        assert issue["details"] == {"coding": [{"code": "definition.of-the-service"}]}
        return str(issue.get("expression", [""])[0])

    async def test_a_definition_of_ours_by_any_way_of_writing(self, published_client: Client) -> None:
        resource = (await published_client.get(self.place)).json()
        search = f"/fhir/CodeSystem?url={resource['url']}"
        json_patch = {"content-type": "application/json-patch+json"}
        patch = json.dumps([{"op": "replace", "path": "/status", "value": "retired"}])
        tag = {"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}
        added = {"resourceType": "Parameters", "parameter": [tag]}
        for answer in (
            await published_client.put(self.place, json=resource | {"title": "Mine"}),
            await published_client.put(search, json=resource | {"title": "Mine"}),
            await published_client.patch(self.place, content=patch, headers=json_patch),
            await published_client.patch(search, content=patch, headers=json_patch),
            await published_client.delete(self.place),
            await published_client.delete(search),
            await published_client.post(f"{self.place}/$meta-add", json=added),
        ):
            await self.refused(answer)
        assert (await published_client.get(self.place)).json() == resource

    async def test_a_definition_of_ours_in_a_transaction_and_nothing_else_in_it_is_done(
        self, published_client: Client
    ) -> None:
        entries = [
            {
                "request": {"method": "PUT", "url": "Patient/beside"},
                "resource": {"resourceType": "Patient", "id": "beside"},
            },
            {"request": {"method": "DELETE", "url": "CodeSystem/complication"}},
        ]
        for kind, status in (("transaction", 422), ("batch", 200)):
            bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
            answer = await published_client.post("/fhir", json=bundle)
            assert answer.status_code == status, answer.text
            if kind == "transaction":
                assert "Bundle.entry[1]" in await self.refused(answer)
                assert (await published_client.get("/fhir/Patient/beside")).status_code == 404
            else:
                assert answer.json()["entry"][1]["response"]["status"].startswith("422")
        await published_client.delete("/fhir/Patient/beside")

    async def test_but_a_client_may_store_its_own_under_the_same_url(self, published_client: Client) -> None:
        resource = (await published_client.get(self.place)).json()
        made = await published_client.post("/fhir/CodeSystem", json=resource | {"version": "0.0.1", "title": "Mine"})
        assert made.status_code == 201
        assert made.json()["id"] != "complication"
        asked = {"system": resource["url"], "code": "death"}
        told = (await published_client.get("/fhir/CodeSystem/$lookup", params=asked)).json()
        assert {"name": "name", "valueString": "Complication"} in told["parameter"]
        mine = (await published_client.get("/fhir/CodeSystem/$lookup", params=asked | {"version": "0.0.1"})).json()
        assert {"name": "name", "valueString": "Mine"} in mine["parameter"]
        assert (await published_client.delete(f"/fhir/CodeSystem/{made.json()['id']}")).status_code == 204


async def test_what_a_served_store_holds_in_all_can_be_narrowed_to_the_cases(published_client: Client) -> None:
    whole = (await published_client.get("/fhir?_summary=count")).json()["total"]
    cases = (await published_client.get("/fhir?_type=Patient,Observation&_summary=count")).json()["total"]
    assert whole > cases == 0


async def test_the_data_dictionary_of_the_registry_is_found_as_hl7s_guide_searches_for_it(
    published_client: Client,
) -> None:
    profile = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSStructureDefinition"
    found = (await published_client.get(f"/fhir/StructureDefinition?kind=logical&_profile={profile}")).json()
    assert "CaseReport" in [entry["resource"]["name"] for entry in found["entry"]]
