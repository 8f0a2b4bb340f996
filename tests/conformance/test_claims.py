"""Everything the CapabilityStatement claims is called, and nothing is answered that it does not claim."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import JSON, Client, settings
from filled_forms import filled
from golden_cases import CASES

from fhir_service.api.app import create_app
from fhir_service.api.interaction import Interaction
from fhir_service.api.routes import INTERACTIONS
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.definitions.search_parameters import SearchParameter, all_parameters, parameters_of
from fhir_service.fhir.json_text import encode
from fhir_service.storage.repository import open_repository

pytestmark = pytest.mark.rule("CAP-2")

TOLD = Path(__file__).parents[1] / "golden" / "every-kind-of-fact" / "bundle.json"
TYPES = settings().resource_types
OUTCOMES = "http://hl7.org/fhir/observation-status"
GENDERS = "http://hl7.org/fhir/administrative-gender"
SUBJECT = {"reference": "Patient/a"}
SMALL: dict[str, dict[str, Any]] = {
    "AdverseEvent": {"actuality": "actual", "subject": SUBJECT},
    "CodeSystem": {"status": "draft", "content": "not-present"},
    "ConceptMap": {"status": "draft"},
    "Condition": {"subject": SUBJECT},
    "DetectedIssue": {"status": "final"},
    "DocumentReference": {"status": "current", "content": [{"attachment": {"title": "x"}}]},
    "Group": {"type": "person", "actual": True, "member": [{"entity": SUBJECT}]},
    "Observation": {"status": "final", "code": {"text": "x"}, "subject": SUBJECT},
    "OperationDefinition": {
        "name": "X",
        "status": "draft",
        "kind": "operation",
        "code": "x",
        "system": True,
        "type": False,
        "instance": False,
    },
    "Procedure": {"status": "completed", "subject": SUBJECT},
    "Provenance": {"target": [SUBJECT], "recorded": "2026-01-31T12:00:00Z", "agent": [{"who": {"display": "x"}}]},
    "Questionnaire": {"status": "draft"},
    "SearchParameter": {
        "url": "http://example.org/x",
        "name": "X",
        "status": "draft",
        "description": "x",
        "code": "x",
        "base": ["Patient"],
        "type": "token",
        "expression": "Patient.active",
    },
    "StructureDefinition": {
        "url": "http://example.org/x",
        "name": "X",
        "status": "draft",
        "kind": "logical",
        "abstract": False,
        "type": "http://example.org/x",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element",
        "derivation": "specialization",
        "differential": {"element": [{"id": "x", "path": "x", "definition": "x"}]},
    },
    "StructureMap": {
        "url": "http://example.org/x",
        "name": "X",
        "status": "draft",
        "group": [
            {
                "name": "x",
                "typeMode": "none",
                "input": [{"name": "a", "mode": "source"}, {"name": "b", "mode": "target"}],
                "rule": [{"name": "y", "source": [{"context": "a"}]}],
            }
        ],
    },
    "Bundle": {"type": "collection"},
    "ValueSet": {"status": "draft"},
}
"""What a resource of a type needs beyond its type; nothing where it stands not here."""
VALUES = {
    "token": "true",
    "string": "cement",
    "date": "2024-01-31",
    "number": "5",
    "quantity": "8.0|http://unitsofmeasure.org|mL",
    "uri": "http://example.org/x",
}
BEYOND_ITS_TYPE = {
    "_id": "a",
    "_lastUpdated": "ge2024-01-31",
    "_text": "cement",
    "_content": "cement",
    "_list": "a",
    "_filter": "_id eq a",
}
INPUTS: dict[str, dict[str, str]] = {
    "everything": {},
    "lastn": {"patient": "a", "code": "x", "max": "1"},
    "meta": {},
    "research-view": {},
    "translate": {
        "url": f"{DEFAULT_BASE}/ConceptMap/complication-to-snomed",
        "system": f"{DEFAULT_BASE}/CodeSystem/complication",
        "code": "cement-leakage-intradural",
    },
    "lookup": {"system": OUTCOMES, "code": "final"},
    "subsumes": {"system": OUTCOMES, "codeA": "final", "codeB": "final"},
    "expand": {"url": "http://hl7.org/fhir/ValueSet/administrative-gender"},
    "validate-code": {
        "url": "http://hl7.org/fhir/ValueSet/administrative-gender",
        "system": GENDERS,
        "code": "male",
    },
}
"""Simple inputs that each operation can be asked with."""
LED_TO = {"_upload": "registryUpload", "_export": "export", "_import": "import"}
"""By the first part of a path where an operation leads to, by its Content-Location: that operation."""
OUTCOMES_ARE_THE_ANSWER = ("validate", "submit-report", "registryUpload")
META = {"name": "meta", "valueMeta": {"tag": [{"system": "urn:example:claims", "code": "x"}]}}


@pytest_asyncio.fixture(scope="session", params=("sqlite", "postgresql"))
async def told_client(request: pytest.FixtureRequest, lasting_database: Callable[[str], str]) -> AsyncIterator[Client]:
    """A client of a store with one case report in it, and a small resource `a` of every type."""
    repository = await open_repository(lasting_database(request.param))
    transport = httpx.ASGITransport(create_app(settings(import_hosts=("example.org",)), repository))
    async with Client(transport=transport, base_url="http://localhost", headers=JSON) as client:
        assert (await client.post("/fhir", content=TOLD.read_bytes())).status_code == 200
        for resource_type in sorted(TYPES, key=lambda name: name != "Patient"):
            answer = await client.put(f"/fhir/{resource_type}/a", json=small(resource_type, id="a"))
            assert answer.status_code == 201, answer.text
        yield client
    await repository.close()


def small(resource_type: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": resource_type, **SMALL.get(resource_type, {}), **more}


async def rest_of(client: Client) -> dict[str, Any]:
    (rest,) = (await client.get("/fhir/metadata")).json()["rest"]
    found: dict[str, Any] = rest
    return found


async def resource_of(client: Client, resource_type: str) -> dict[str, Any]:
    (found,) = [entry for entry in (await rest_of(client))["resource"] if entry["type"] == resource_type]
    return dict(found)


def plausible(definition: SearchParameter | None, name: str, kind: str) -> str:
    """A value that the parameter can be asked for."""
    if name in BEYOND_ITS_TYPE:
        return BEYOND_ITS_TYPE[name]
    if kind == "reference":
        assert definition is not None
        target = definition.target[0] if definition.target else "Patient"
        return f"{'Patient' if 'Patient' in definition.target else target}/a"
    if kind == "composite":
        assert definition is not None
        parts = [all_parameters()[component.definition] for component in definition.component]
        return "$".join(plausible(part, part.code, part.type) for part in parts)
    return VALUES[kind]


async def applied(client: Client, resource_type: str, name: str, value: str) -> None:
    """The search is answered, nothing in it is reported as passed over, and `self` shows it."""
    params = {name: value, "_count": "3"}
    answer = await client.get(f"/fhir/{resource_type}", params=params, headers={"prefer": "handling=strict"})
    assert answer.status_code == 200, f"{resource_type}?{name}={value}: {answer.text}"
    bundle = answer.json()
    outcomes = [entry for entry in bundle.get("entry", []) if entry["search"]["mode"] == "outcome"]
    assert outcomes == [], f"{resource_type}?{name}={value}"
    (shown,) = [link["url"] for link in bundle["link"] if link["relation"] == "self"]
    assert (name, value) in httpx.URL(shown).params.multi_items(), shown


@pytest.mark.parametrize("resource_type", TYPES)
async def test_every_search_parameter_finds_and_is_shown(told_client: Client, resource_type: str) -> None:
    parameters = (await resource_of(told_client, resource_type))["searchParam"]
    definitions = parameters_of(resource_type)
    assert {"_id", "_lastUpdated"} <= {parameter["name"] for parameter in parameters}
    for parameter in parameters:
        name, kind = parameter["name"], parameter["type"]
        await applied(told_client, resource_type, name, plausible(definitions.get(name), name, kind))


@pytest.mark.rule("MOD-1")
@pytest.mark.parametrize("resource_type", TYPES)
async def test_what_has_a_parameter_and_what_has_it_not_are_everything(told_client: Client, resource_type: str) -> None:
    (await told_client.get(f"/fhir/{resource_type}?_summary=count")).raise_for_status()
    everything = (await told_client.get(f"/fhir/{resource_type}?_summary=count")).json()["total"]
    for parameter in (await resource_of(told_client, resource_type))["searchParam"]:
        name, kind = parameter["name"], parameter["type"]
        if kind in ("composite", "special") or name in BEYOND_ITS_TYPE:
            continue
        counts = []
        for missing in ("true", "false"):
            query = f"{name}:missing={missing}&_summary=count"
            answer = await told_client.get(f"/fhir/{resource_type}?{query}", headers={"prefer": "handling=strict"})
            assert answer.status_code == 200, f"{resource_type}?{query}: {answer.text}"
            counts.append(answer.json()["total"])
        assert sum(counts) == everything, f"{resource_type}?{name}:missing: {counts}"


@pytest.mark.parametrize("resource_type", TYPES)
async def test_every_include_is_followed(told_client: Client, resource_type: str) -> None:
    claimed = await resource_of(told_client, resource_type)
    assert claimed["searchRevInclude"] or resource_type == "Provenance"
    for name, values in (("_include", claimed["searchInclude"]), ("_revinclude", claimed.get("searchRevInclude", []))):
        for value in values:
            await applied(told_client, resource_type, name, value)


@pytest.mark.parametrize("resource_type", TYPES)
async def test_every_interaction_with_a_type_works(told_client: Client, resource_type: str) -> None:
    claimed = {entry["code"] for entry in (await resource_of(told_client, resource_type))["interaction"]}
    at = f"/fhir/{resource_type}"
    made = await told_client.post(at, json=small(resource_type))
    place = f"{at}/{made.json()['id']}"
    patch = [{"op": "add", "path": "/language", "value": "en"}]
    patch_type = {"content-type": "application/json-patch+json"}
    answers = {
        "create": (made, 201),
        "read": (await told_client.get(place), 200),
        "vread": (await told_client.get(f"{place}/_history/1"), 200),
        "update": (await told_client.put(place, json=made.json()), 200),
        "patch": (await told_client.patch(place, content=json.dumps(patch), headers=patch_type), 200),
        "history-instance": (await told_client.get(f"{place}/_history"), 200),
        "history-type": (await told_client.get(f"{at}/_history"), 200),
        "search-type": (await told_client.get(at), 200),
        "delete": (await told_client.delete(place), 204),
    }
    assert claimed == set(answers)
    assert {code: answer.status_code for code, (answer, _) in answers.items()} == {
        code: status for code, (_, status) in answers.items()
    }


async def test_every_interaction_with_the_whole_works(told_client: Client) -> None:
    claimed = {entry["code"] for entry in (await rest_of(told_client))["interaction"]}
    bundle = {"resourceType": "Bundle", "entry": [{"request": {"method": "GET", "url": "Patient/a"}}]}
    answers = {
        "transaction": await told_client.post("/fhir", json=bundle | {"type": "transaction"}),
        "batch": await told_client.post("/fhir", json=bundle | {"type": "batch"}),
        "history-system": await told_client.get("/fhir/_history"),
        "search-system": await told_client.get("/fhir?_type=Patient"),
    }
    assert claimed == set(answers)
    assert {answer.status_code for answer in answers.values()} == {200}


@pytest.mark.parametrize("resource_type", TYPES)
async def test_conditions_are_what_is_claimed(told_client: Client, resource_type: str) -> None:
    claimed = await resource_of(told_client, resource_type)
    assert claimed["versioning"] == "versioned"
    assert claimed["readHistory"] is claimed["updateCreate"] is True
    assert claimed["conditionalRead"] == "full-support"
    assert claimed["conditionalCreate"] is claimed["conditionalUpdate"] is True
    tag = {"system": "urn:example:claims", "code": resource_type}
    body, query = small(resource_type, meta={"tag": [tag]}), f"_tag=urn:example:claims|{resource_type}"
    at = f"/fhir/{resource_type}"
    made = await told_client.post(at, json=body, headers={"if-none-exist": query})
    again = await told_client.post(at, json=body, headers={"if-none-exist": query})
    updated = await told_client.put(f"{at}?{query}", json=body | {"language": "en"})
    statuses = [answer.status_code for answer in (made, again, updated)]
    assert (statuses, again.headers["location"]) == ([201, 200, 200], made.headers["location"])
    assert updated.json()["id"] == made.json()["id"]
    deleted = await told_client.delete(f"{at}?{query}")
    assert deleted.status_code in (200, 204)
    assert claimed["conditionalDelete"] in ("single", "multiple")


async def test_every_format_is_given_and_taken(told_client: Client) -> None:
    statement = (await told_client.get("/fhir/metadata")).json()
    assert set(statement["format"]) >= {"json", "xml"}
    for form in statement["format"]:
        answer = await told_client.get("/fhir/Patient/a", params={"_format": form})
        assert answer.status_code == 200, answer.text
        content_type = answer.headers["content-type"]
        body = answer.content
        put = await told_client.put("/fhir/Patient/a", content=body, headers={"content-type": content_type})
        assert put.status_code == 200, put.text


HELD = {
    "CodeSystem": f"{DEFAULT_BASE}/CodeSystem/complication",
    "ConceptMap": f"{DEFAULT_BASE}/ConceptMap/complication-to-snomed",
    "StructureMap": f"{DEFAULT_BASE}/StructureMap/case-report",
    "ValueSet": f"{DEFAULT_BASE}/ValueSet/complication",
}
"""What is called by id where a type is held and not stored: the last part of its address."""


def operation_rows() -> Iterator[Any]:
    for row in INTERACTIONS:
        if row.definition:
            yield pytest.param(row, id=f"{row.method} {row.path}")


FILE = {"type": "Patient", "url": "https://example.org/a.ndjson"}
BACKGROUND: dict[str, dict[str, Any]] = {
    "export": {"content": b""},
    "import": {"json": {"inputFormat": "ndjson", "inputSource": "urn:claims:1", "input": [FILE]}},
}
"""What is taken with 202, and how it is posted."""


def called(row: Interaction) -> dict[str, Any]:
    """The query or body of a call of an operation that it deserves 200 for."""
    if row.code == "validate":
        return {"params": {"mode": "profile"}} if row.method == "GET" else {"json": small("Patient", id="a")}
    if row.code in ("meta-add", "meta-delete"):
        return {"json": {"resourceType": "Parameters", "parameter": [META]}}
    if row.code == "transform":
        return {
            "json": {"source": {"id": "x"}},
            "params": {} if "{id}" in row.path else {"source": HELD["StructureMap"]},
        }
    if row.code == "extract":
        return {"content": encode(filled(CASES["every-kind-of-fact"].facts))}
    if row.code == "submit-report":
        text = "A man of 60 years had a vertebroplasty of L1. Cement leaked into the spinal canal."
        params = {"source": "urn:claims:1", "validate-only": "true"}
        return {"content": text.encode(), "headers": {"Content-Type": "text/plain"}, "params": params}
    if row.code == "registryUpload":
        lines = {"content-type": "application/fhir+ndjson"}
        return {"content": b"{}", "headers": lines, "params": {"validate-only": "true"}}
    if row.code in BACKGROUND:
        return BACKGROUND[row.code] if row.method == "POST" else {}
    inputs = INPUTS[row.code]
    if row.code == "validate-code" and row.path.startswith("CodeSystem"):
        inputs = {"url": GENDERS, "code": "male"}
    if "{id}" in row.path and row.own_type:
        inputs = {name: value for name, value in inputs.items() if name != "url"}
        if row.code in ("lookup", "subsumes", "validate-code"):
            inputs = {"code": "cement-leakage-intradural"}
            inputs = {"codeA": inputs["code"], "codeB": inputs["code"]} if row.code == "subsumes" else inputs
            inputs |= {"system": HELD["CodeSystem"]} if row.own_type == "ValueSet" else {}
    if row.method == "GET":
        return {"params": inputs}
    kinds = {"url": "valueUri", "system": "valueUri", "max": "valuePositiveInt", "patient": "valueString"}
    listed = [{"name": name, kinds.get(name, "valueCode"): value} for name, value in inputs.items()]
    return {"json": {"resourceType": "Parameters", **({"parameter": listed} if listed else {})}}


@pytest.mark.rule("OPS-1")
@pytest.mark.parametrize("row", list(operation_rows()))
async def test_every_operation_answers(told_client: Client, row: Interaction) -> None:
    resource_type = sorted(row.types)[0] if row.types else "Patient"
    held = HELD.get(row.own_type, "a").rpartition("/")[2]
    path = row.path.format(type=resource_type, id=held, version="1")
    answer = await told_client.request(row.method, f"/fhir/{path}", **called(row))
    if row.code in BACKGROUND:
        assert answer.status_code == 202, answer.text
        assert (await told_client.delete(answer.headers["content-location"])).status_code == 202
        return
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] != "OperationOutcome" or row.code in OUTCOMES_ARE_THE_ANSWER


async def test_nothing_is_routed_that_is_not_claimed(told_client: Client) -> None:
    rest = await rest_of(told_client)
    resources = {entry["type"]: entry for entry in rest["resource"]}
    for row in INTERACTIONS:
        if row.code == "capabilities":
            continue
        if row.code == "search-compartment":
            assert rest["compartment"]
            continue
        first = row.path.partition("/")[0]
        if first in LED_TO:
            assert LED_TO[first] in {entry["name"] for entry in rest["operation"]}
            continue
        if first == "{type}":
            claims = [resources[name] for name in TYPES if row.types is None or name in row.types]
        else:
            claims = [resources[first]] if first in resources else [rest]
        for claim in claims:
            listed = claim.get("operation", []) if row.definition else claim.get("interaction", [])
            assert row.code in {entry.get("code", entry.get("name")) for entry in listed}, (row.path, claim.get("type"))


@pytest.mark.rule("SRC-3")
async def test_every_compartment_is_searched(told_client: Client) -> None:
    for url in (await rest_of(told_client))["compartment"]:
        owner = url.rpartition("/")[2].capitalize()
        for path in (f"{owner}/a/Observation", f"{owner}/a/*", f"{owner}/a/Observation?status=final"):
            answer = await told_client.get(f"/fhir/{path}", headers={"prefer": "handling=strict"})
            assert answer.status_code == 200, answer.text
            found = [entry["resource"]["id"] for entry in answer.json().get("entry", [])]
            assert owner != "Patient" or "a" in found, path


async def test_nothing_is_claimed_twice(told_client: Client) -> None:
    for claim in (await rest_of(told_client))["resource"]:
        for kind, key in (("interaction", "code"), ("searchParam", "name"), ("operation", "name")):
            names = [entry[key] for entry in claim.get(kind, [])]
            assert len(names) == len(set(names)), (claim["type"], kind)
