"""fhirclient (SMART on FHIR) from PyPI, as its README uses it."""

from __future__ import annotations

from uuid import uuid4

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle, BundleEntry, BundleEntryRequest
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.fhirdatetime import FHIRDateTime
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.humanname import HumanName
from fhirclient.models.identifier import Identifier
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.models.procedure import Procedure
from fhirclient.server import FHIRNotFoundException, FHIRServer

SYSTEM = "urn:example:fhirclient"


@pytest.fixture
def server(on_sqlite: str) -> FHIRServer:
    smart = FHIRClient(settings={"app_id": "fhir-service-tests", "api_base": on_sqlite})
    assert smart.prepare()
    assert smart.ready
    return smart.server


@pytest.fixture
def tag() -> str:
    return uuid4().hex


def patient(tag: str, family: str = "Kyphosis") -> Patient:
    made = Patient()
    made.identifier = [Identifier({"system": SYSTEM, "value": tag})]
    made.name = [HumanName({"family": family, "given": ["Vera"]})]
    made.birthDate = FHIRDate("1950-05-01")
    return made


def test_the_capability_statement_is_read_with_its_strict_models(server: FHIRServer) -> None:
    statement = server.capabilityStatement
    assert statement.fhirVersion == "4.0.1"
    (rest,) = statement.rest
    assert "Patient" in {resource.type for resource in rest.resource}


def test_a_resource_is_created_read_updated_and_deleted(server: FHIRServer, tag: str) -> None:
    answer = patient(tag).create(server)
    read = Patient.read(answer["id"], server)
    assert read.as_json() == answer
    assert read.birthDate.isostring == "1950-05-01"
    read.gender = "female"
    assert read.update(server)["meta"]["versionId"] == "2"
    assert read.delete(server) is None
    with pytest.raises((FHIRNotFoundException, requests.HTTPError)) as gone:
        Patient.read(answer["id"], server)
    assert gone.value.response.status_code == 410


def test_a_search_goes_through_all_pages(server: FHIRServer, tag: str) -> None:
    names = [f"Page-{number}" for number in range(7)]
    for name in names:
        patient(tag, name).create(server)
    search = Patient.where({"identifier": f"{SYSTEM}|{tag}", "_count": "3", "_sort": "family"})
    pages = list(search.perform_iter(server))
    assert [len(page.entry) for page in pages] == [3, 3, 1]
    found = [found.name[0].family for found in search.perform_resources_iter(server)]
    assert found == names


def test_a_search_with_dates_chains_and_includes(server: FHIRServer, tag: str) -> None:
    made = patient(tag).create(server)
    done = Procedure({"status": "completed", "subject": {"reference": f"Patient/{made['id']}"}})
    done.performedDateTime = FHIRDateTime("2024-03-01")
    procedure = done.create(server)
    struct = {"subject": f"Patient/{made['id']}", "date": {"$and": ["gt2024-02-01", "lt2024-04-01"]}}
    (found,) = Procedure.where(struct).perform_resources_iter(server)
    assert found.id == procedure["id"]
    both = Procedure.where({"patient.identifier": tag}).include("subject").perform_resources_iter(server)
    assert {resource.resource_type for resource in both} == {"Procedure", "Patient"}
    assert list(Procedure.where(struct | {"date": "2023"}).perform_resources_iter(server)) == []


def test_a_transaction_bundle_is_created(server: FHIRServer, tag: str) -> None:
    subject, measured = patient(tag), Observation({"status": "final", "code": {"text": "cement volume"}})
    measured.subject = FHIRReference({"reference": "urn:uuid:7d3f1b6e-6b1c-4d3e-9a55-0f6f8a2c1a01"})
    bundle = Bundle({"type": "transaction"})
    bundle.entry = [
        entry(subject, "POST", "Patient", "urn:uuid:7d3f1b6e-6b1c-4d3e-9a55-0f6f8a2c1a01"),
        entry(measured, "POST", "Observation"),
    ]
    answer = server.post_json("", bundle.as_json()).json()
    assert Bundle(answer).type == "transaction-response"
    assert [Bundle(answer).entry[n].response.status[:3] for n in (0, 1)] == ["201", "201"]
    (found,) = Observation.where({"patient.identifier": tag}).perform_resources_iter(server)
    assert (
        found.subject.reference
        == answer["entry"][0]["response"]["location"].partition("/_history")[0][-len(found.subject.reference) :]
    )


def entry(resource: Patient | Observation, method: str, url: str, full_url: str | None = None) -> BundleEntry:
    made = BundleEntry()
    made.resource = resource
    made.fullUrl = full_url
    made.request = BundleEntryRequest({"method": method, "url": url})
    return made


def test_a_refusal_carries_the_outcome(server: FHIRServer) -> None:
    with pytest.raises(requests.HTTPError) as refused:
        next(iter(Patient.where({"birthdate": "yesterday"}).perform_resources_iter(server)))
    assert refused.value.response.status_code == 400
    assert refused.value.response.json()["issue"][0]["expression"] == ["http.birthdate"]
