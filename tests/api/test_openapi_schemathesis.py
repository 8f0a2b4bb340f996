"""The OpenAPI document is kept: requests made of it by schemathesis never meet a crash, nor an answer it does not have.

A few hundred cases, the same ones every time; `make test-long` looks for new ones, OPENAPI_CASES of them in all.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from api_client import settings
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fhir_service.api.app import create_app, openapi_document
from fhir_service.storage.repository import open_repository

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(json.loads(openapi_document()))
OPERATIONS: list[APIOperation] = [found.ok() for found in SCHEMA.get_all_operations()]
CASES = int(os.environ.get("OPENAPI_CASES", "300"))

SEEDS: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "a", "name": [{"family": "F", "given": ["G"]}], "birthDate": "1950-02-03"},
    {
        "resourceType": "Observation",
        "id": "a",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "72514-3"}], "text": "pain"},
        "subject": {"reference": "Patient/a"},
        "effectiveDateTime": "2024-05-06T07:08:09+02:00",
        "valueQuantity": {"value": 7, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
    },
    {"resourceType": "Condition", "id": "a", "subject": {"reference": "Patient/a"}, "code": {"text": "fracture"}},
    {"resourceType": "Procedure", "id": "a", "status": "completed", "subject": {"reference": "Patient/a"}},
    {"resourceType": "Device", "id": "a", "patient": {"reference": "Patient/a"}},
]
IDS = st.sampled_from(["a", "a", "a", "b", "A-.9", "x" * 64])
ACCEPTED = st.sampled_from(
    [*["application/fhir+xml", "application/fhir+json", "*/*", "application/xml"] * 3, "text/turtle"]
)
VALUES = st.sampled_from(
    """
a  Patient/a  2024  ge2024-05-06  ap2024-01  7  gt6.9  7|http://unitsofmeasure.org|cm  0.07||m  1e400  true  F  a$b
http://loinc.org|72514-3  http://loinc.org|  |x  http://x|1  x,y\\,z  ,  \\  *  -date  Patient:name  é\u0301  true,text
Observation:subject:Patient  Observation:*  status eq final  http://hl7.org/fhir/ValueSet/observation-codes  $  |
""".replace("\n", "  ").split("  ")
)
NAMES = st.sampled_from(
    (
        *("name:exact", "subject:Patient.name", "_has:Observation:subject:code", "code:not", "code:text"),
        *("date:missing", "_include", "_revinclude", "_include:iterate", "_sort", "_count", "_type", "_filter"),
        *("_contained", "_containedType", "_list", "_lastUpdated", "code:in", "code:not-in", "code:below"),
        *("identifier:of-type", "patient:identifier", "_tag", "_text", "_content", "code-value-quantity", "_total"),
        *("_summary", "_elements", "_since", "_at", "_id", "name:contains", "url:below", "_profile:below"),
        *("value-quantity", "combo-code-value-concept", "subject:Device.identifier", "_has", "name:nope"),
    )
)


@st.composite
def requests(draw: st.DrawFn, operation: APIOperation) -> Case:
    """What the document allows; half of it with ids, values and bodies that lead further in."""
    case = draw(operation.as_strategy())
    if case.path_parameters and "id" in case.path_parameters and draw(st.booleans()):
        case.path_parameters["id"] = draw(IDS)
    if case.query:
        kept = draw(st.lists(st.sampled_from(sorted(case.query)), max_size=3, unique=True))
        values = {name: draw(st.booleans()) for name in kept}
        case.query = {name: draw(VALUES) if further else case.query[name] for name, further in values.items()}
    if operation.method.upper() in ("GET", "DELETE", "PUT", "PATCH") and draw(st.integers(0, 3)) == 0:
        case.query = {**(case.query or {}), draw(NAMES): draw(VALUES)}
    if isinstance(case.body, dict) and draw(st.booleans()):
        case.body = draw(_likely_body(case))
        if "id" in case.body and case.path_parameters and "id" in case.path_parameters:
            case.body = {**case.body, "id": case.path_parameters["id"]}
    case.headers["Accept"] = draw(ACCEPTED)
    return case


def _likely_body(case: Case) -> st.SearchStrategy[Any]:
    resource_type = str((case.path_parameters or {}).get("type", "Patient"))
    seeds = [seed for seed in SEEDS if seed["resourceType"] == resource_type] or SEEDS
    methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"])
    urls = st.sampled_from(
        ["Patient/a", "Patient", "Patient?name=F", "Observation/a/_history/1", "Nothing/x", "Patient/a?_summary=true"]
    )
    entry = st.fixed_dictionaries(
        {"request": st.fixed_dictionaries({"method": methods, "url": urls})},
        optional={
            "resource": st.sampled_from(SEEDS),
            "fullUrl": st.just("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
        },
    )
    bundle = st.fixed_dictionaries(
        {"resourceType": st.just("Bundle"), "type": st.sampled_from(["batch", "transaction", "searchset"])},
        optional={"entry": st.lists(entry, min_size=1, max_size=3)},
    )
    part = st.fixed_dictionaries(
        {
            "name": st.sampled_from(
                ["resource", "mode", "profile", "url", "code", "system", "operation", "meta", "start"]
            )
        },
        optional={
            "valueCode": st.just("create"),
            "valueUri": st.just("http://loinc.org"),
            "resource": st.sampled_from(SEEDS),
        },
    )
    parameters = st.fixed_dictionaries(
        {"resourceType": st.just("Parameters")}, optional={"parameter": st.lists(part, min_size=1, max_size=3)}
    )
    return st.sampled_from(seeds) | bundle | parameters


@pytest.fixture
def run(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Any]:
    """Sends a case to a service that has the seeds, in an event loop of its own."""
    file = tmp_path / "store.db"
    shutil.copy(migrated_sqlite, file)
    with asyncio.Runner() as runner:
        repository = runner.run(open_repository(f"sqlite+aiosqlite:///{file}"))
        app = create_app(settings(), repository)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        for seed in SEEDS:
            runner.run(
                client.put(f"/fhir/{seed['resourceType']}/{seed['id']}", json=seed, headers=_FHIR)
            ).raise_for_status()

        def send(case: Case) -> httpx.Response:
            wanted = case.as_transport_kwargs(base_url="http://localhost")
            content = json.dumps(wanted["json"]).encode() if "json" in wanted else _content(wanted.get("data"))
            headers = {name: str(value) for name, value in dict(wanted["headers"]).items()}
            request = client.build_request(
                wanted["method"],
                wanted["url"],
                params=wanted.get("params") or None,
                headers={name.encode(): value.encode("utf-8", "replace") for name, value in headers.items()},
                content=content,
            )
            return runner.run(client.send(request))

        yield send
        runner.run(client.aclose())
        runner.run(repository.close())


_FHIR = {"content-type": "application/fhir+json"}


def _content(data: Any) -> bytes | None:
    if isinstance(data, dict):
        return str(httpx.QueryParams(data)).encode()
    return data.encode("utf-8", "replace") if isinstance(data, str) else data


@pytest.mark.rule("GEN-4")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_nothing_meets_a_crash_or_an_answer_that_is_not_documented(operation: APIOperation, run: Any) -> None:
    @given(requests(operation))
    @hypothesis_settings(
        max_examples=math.ceil(CASES / len(OPERATIONS)),
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Case) -> None:
        case.validate_response(run(case), checks=CHECKS)

    send()
