"""What the server says of itself is so: the CapabilityStatement and the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_client import BASE, Client, issues, patient, settings
from second_opinion import unexplained

from fhir_service.api.app import openapi_document
from fhir_service.api.capability_statement import capability_statement
from fhir_service.api.routes import INTERACTIONS
from fhir_service.api.terminology_capabilities import terminology_capabilities
from fhir_service.definitions.catalogue import Kind, catalogue
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.structure import findings

ROOT = Path(__file__).parents[2]
TYPES = settings().resource_types


async def statement(client: Client) -> dict[str, Any]:
    answer = await client.get("/fhir/metadata")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def served(client: Client) -> list[dict[str, Any]]:
    """The types that clients store; of the others there are operations only, or the service writes them."""
    return [resource for resource in (await statement(client))["rest"][0]["resource"] if "versioning" in resource]


@pytest.mark.rule("CAP-1")
async def test_cap_1_metadata_is_a_valid_capability_statement(idle_client: Client) -> None:
    for mode in ("", "?mode=full", "?mode=normative"):
        answer = await idle_client.get(f"/fhir/metadata{mode}")
        assert findings(answer.content) == []
        assert answer.json()["fhirVersion"] == "4.0.1"
        assert answer.json()["implementation"]["url"] == BASE


@pytest.mark.rule("CAP-1")
def test_cap_1_another_validator_finds_nothing_wrong_with_it() -> None:
    statement = capability_statement(INTERACTIONS, frozenset({"Observation", "Patient"}), BASE)
    for made in (statement, terminology_capabilities(terminologies(), BASE)):
        assert unexplained(json.loads(made)) == []


@pytest.mark.rule("CAP-1")
async def test_cap_1_normative_leaves_out_what_is_for_trial_use(idle_client: Client) -> None:
    (rest,) = (await idle_client.get("/fhir/metadata?mode=normative")).json()["rest"]
    assert [resource["type"] for resource in rest["resource"]] == [
        *("Bundle", "CodeSystem", "Observation", "OperationDefinition", "Patient", "StructureDefinition", "ValueSet")
    ]
    assert not any("conditionalCreate" in resource for resource in rest["resource"])


@pytest.mark.rule("CAP-1")
async def test_cap_1_mode_terminology_tells_the_code_systems_that_are_held_whole(idle_client: Client) -> None:
    answer = await idle_client.get("/fhir/metadata?mode=terminology")
    assert findings(answer.content) == []
    systems = {entry["uri"] for entry in answer.json()["codeSystem"]}
    ours = catalogue().artifacts(Kind.CODE_SYSTEM)
    whole = {url for url, system in ours.items() if system["content"] == "complete"}
    assert whole < systems
    assert not (set(ours) - whole) & systems
    assert not {"http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"} & systems
    for parameter in answer.json()["expansion"]["parameter"]:
        assert parameter["documentation"]


@pytest.mark.rule("CAP-1")
async def test_cap_1_a_mode_that_there_is_not_is_refused(idle_client: Client) -> None:
    for mode in ("brief", "full&mode=terminology"):
        answer = await idle_client.get(f"/fhir/metadata?mode={mode}")
        assert answer.status_code == 400
        assert issues(answer)[0]["expression"] == ["http.mode"]


@pytest.mark.rule("CAP-2")
async def test_cap_2_its_etag_spares_a_second_look(idle_client: Client) -> None:
    first = await idle_client.get("/fhir/metadata")
    again = await idle_client.get("/fhir/metadata", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.rule("CAP-2")
async def test_cap_2_every_interaction_it_claims_works_for_every_type(idle_client: Client) -> None:
    (rest,) = (await statement(idle_client))["rest"]
    of_data = await served(idle_client)
    assert [resource["type"] for resource in of_data] == list(TYPES)
    codes = {
        row.code
        for row in INTERACTIONS
        if not row.definition and not row.path.startswith(("_upload/", "_export/", "_import/"))
    }
    whole = {"transaction", "batch", "history-system", "search-system"}
    assert {entry["code"] for entry in rest["interaction"]} == codes & whole
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
    for resource in of_data:
        claimed = {entry["code"] for entry in resource["interaction"]}
        assert claimed == set(expected) == codes - whole - {"capabilities", "search-compartment"}
        for code in claimed:
            method, path, status = expected[code]
            body = {"content": b"{}"} if method in ("POST", "PUT") else {}
            answer = await idle_client.request(method, f"/fhir/{resource['type']}{path}", **body)
            assert answer.status_code == status


@pytest.mark.rule("CAP-2")
async def test_cap_2_every_search_parameter_it_claims_is_applied(idle_client: Client) -> None:
    values = {
        **dict.fromkeys(("token", "reference", "string"), "x"),
        "special": "_id eq x",
        **dict.fromkeys(("date", "number", "quantity"), "2026"),
        "uri": "urn:x",
        "composite": "x$2026",
    }
    for resource in await served(idle_client):
        names = {parameter["name"] for parameter in resource["searchParam"]}
        assert {"_id", "_lastUpdated"} <= names
        for parameter in resource["searchParam"]:
            query = f"{parameter['name']}={values[parameter['type']]}"
            answer = await idle_client.get(f"/fhir/{resource['type']}?{query}", headers={"prefer": "handling=strict"})
            assert answer.status_code == 200, query


@pytest.mark.rule("CAP-2")
async def test_cap_2_every_operation_it_claims_is_there_by_each_of_its_ways(client: Client) -> None:
    """A question without its inputs is answered or refused as a question; an operation that is not there is 404."""
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    for resource in (await statement(client))["rest"][0]["resource"]:
        for operation in resource.get("operation", []):
            rows = [row for row in INTERACTIONS if row.definition == operation["definition"]]
            assert rows, operation
            assert operation["documentation"] in {row.summary for row in rows}
            for row in rows:
                path = row.path.replace("{type}", resource["type"]).replace("{id}", "a")
                body = {"json": {"resourceType": "Parameters"}} if row.body else {}
                answer = await client.request(row.method, f"/fhir/{path}", **body)
                assert answer.status_code in (200, 202, 400, 404), (path, answer.text)
                assert "there is nothing at" not in answer.text


@pytest.mark.rule("CAP-2")
async def test_cap_2_conditions_includes_and_history_are_those_of_the_rows(idle_client: Client) -> None:
    codes = {row.code for row in INTERACTIONS}
    offered = {name for row in INTERACTIONS if row.code == "search-type" for name in row.parameters}
    for resource in await served(idle_client):
        assert resource["versioning"] == "versioned"
        assert resource["updateCreate"] is True
        assert resource["readHistory"] is ("history-instance" in codes)
        assert resource["conditionalRead"] == "full-support"
        kind = f"/fhir/{resource['type']}"
        body: dict[str, Any] = {"json": {"resourceType": resource["type"]}}
        update = await idle_client.put(f"{kind}?_id=nobody&_lastUpdated=x", **body)
        assert (update.status_code == 405) is not resource["conditionalUpdate"]
        delete = await idle_client.delete(f"{kind}?_lastUpdated=x")
        assert (delete.status_code == 405) is (resource["conditionalDelete"] == "not-supported")
        assert bool(resource.get("searchInclude")) <= ("_include" in offered)
        assert bool(resource.get("searchRevInclude")) <= ("_revinclude" in offered)
        for entry in (*resource.get("searchInclude", ()), *resource.get("searchRevInclude", ())):
            assert entry == "*" or ":" in entry


@pytest.mark.rule("CAP-2")
def test_cap_2_includes_and_conditions_are_stated_once_rows_have_them() -> None:
    """Rows that no module has to have yet: what is stated follows from them alone."""
    search = next(row for row in INTERACTIONS if row.code == "search-type")
    create = next(row for row in INTERACTIONS if row.code == "create" and row.path == "{type}")
    rows = (
        replace(search, parameters=("_include", "_revinclude")),
        replace(create, headers=("If-None-Exist",)),
        replace(create, code="update", path="{type}", answers=(200, 201)),
        replace(create, code="delete", path="{type}", method="DELETE"),
        replace(create, code="patch", method="PATCH", body="patch"),
        replace(
            search, code="search-compartment", path="{type}/{id}/{member}", types=frozenset({"Patient", "Encounter"})
        ),
    )
    stated = json.loads(capability_statement(rows, {"Device", "Observation", "Patient"}, BASE))
    (rest,) = stated["rest"]
    found = {resource["type"]: resource for resource in rest["resource"]}["Patient"]
    assert {"application/json-patch+json", "application/fhir+json"} < set(stated["patchFormat"])
    assert rest["compartment"] == ["http://hl7.org/fhir/CompartmentDefinition/patient"]
    assert found["conditionalCreate"] is found["conditionalUpdate"] is found["updateCreate"] is True
    assert (found["conditionalDelete"], found["conditionalRead"]) == ("single", "not-supported")
    assert "Patient:general-practitioner" in found["searchInclude"]
    assert {"Observation:subject", "Observation:performer", "Device:patient"} <= set(found["searchRevInclude"])


@pytest.mark.rule("CAP-2")
async def test_cap_2_parameters_have_their_definitions(idle_client: Client) -> None:
    for resource in await served(idle_client):
        assert all(entry["definition"] for entry in resource["searchParam"])


@pytest.mark.rule("CAP-2")
async def test_cap_2_only_configured_types_are_served(connect: Callable[..., Client]) -> None:
    async with connect(resource_types=("Basic", "Patient")) as client:
        assert [resource["type"] for resource in await served(client)] == ["Basic", "Patient"]
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
        always = (400, 406, 414, 421, 431, 500, 503, *((413, 415) if row.body else ()))
        assert {str(status) for status in (*row.answers, *row.errors, *always)} <= set(responses)
        for status, response in responses.items():
            if status == "200" and row.ndjson:
                assert set(response["content"]) == {"application/fhir+ndjson"}
            elif status not in ("204", "304"):
                assert set(response["content"]) == {"application/fhir+json", "application/fhir+xml"}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
