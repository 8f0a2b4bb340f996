"""The profiles of the CREDS guide as we transcribed them: its examples conform, and each rule of its tables is held."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fhir_service.definitions.catalogue import DEFAULT_BASE as BASE
from fhir_service.validation.structure import findings
from fhir_service.workflows.check_conformance import conformance

GUIDE = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition"
PATIENT = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"
MASKED = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
Resource = dict[str, Any]

MODEL: Resource = {
    "resourceType": "StructureDefinition",
    "url": f"{BASE}/StructureDefinition/VaRegistry",
    "name": "VaRegistry",
    "status": "active",
    "date": "2026-01-01",
    "identifier": [{"system": f"{BASE}/registry", "value": "va-1"}],
    "publisher": "Registry",
    "contact": [{"name": "A. B.", "telecom": [{"system": "email", "value": "a@example.org"}]}],
    "fhirVersion": "4.0.1",
    "kind": "logical",
    "abstract": False,
    "type": f"{BASE}/StructureDefinition/VaRegistry",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element",
    "derivation": "specialization",
    "differential": {
        "element": [
            {"id": "VaRegistry", "path": "VaRegistry", "min": 0, "max": "*", "definition": "One case"},
            {
                "id": "VaRegistry.procedure",
                "path": "VaRegistry.procedure",
                "min": 1,
                "max": "1",
                "definition": "The augmentation",
                "type": [{"code": "BackboneElement"}],
            },
        ]
    },
}
SUBMISSION: Resource = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111",
            "resource": {
                "resourceType": "MessageHeader",
                "eventUri": f"{BASE}/event/case",
                "source": {"name": "Site 1", "endpoint": "https://site1.example.org/fhir"},
            },
        },
        {
            "fullUrl": "urn:uuid:22222222-2222-4222-8222-222222222222",
            "resource": {
                "resourceType": "Patient",
                "identifier": [{"system": f"{BASE}/case", "value": "r7-c1"}],
                "gender": "female",
                "name": [{"extension": [MASKED]}],
            },
        },
        {
            "fullUrl": "urn:uuid:33333333-3333-4333-8333-333333333333",
            "resource": {
                "resourceType": "Procedure",
                "status": "completed",
                "code": {"text": "vertebroplasty"},
                "subject": {"reference": "urn:uuid:22222222-2222-4222-8222-222222222222"},
            },
        },
    ],
}
OUTCOME: Resource = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "information", "code": "informational", "diagnostics": "sub-1"},
        {
            "severity": "error",
            "code": "processing",
            "diagnostics": "The procedure has no kind",
            "details": {"coding": [{"system": f"{BASE}/CodeSystem/submission-rule", "code": "RQ-01"}]},
            "expression": ["VaRegistry.procedure.kind"],
        },
    ],
}
NAMED = {"CREDSStructureDefinition": MODEL, "CREDSSubmission": SUBMISSION, "CREDSOperationOutcome": OUTCOME}


def errors(resource: Resource, profile: str) -> set[str]:
    assert findings(resource) == []
    return {issue.rule or "" for issue in conformance().profile_issues(resource, profile) if issue.severity == "error"}


@pytest.mark.parametrize("name", NAMED)
def test_the_example_of_the_guide_conforms(name: str) -> None:
    assert errors(NAMED[name], f"{GUIDE}/{name}") == set()


def entry(number: int) -> Callable[[Resource], Any]:
    return lambda bundle: bundle["entry"][number]["resource"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *(
            pytest.param("CREDSStructureDefinition", lambda model, gone=gone: model.pop(gone), id=f"no {gone}")
            for gone in ("identifier", "date", "publisher", "contact")
        ),
        pytest.param(
            "CREDSStructureDefinition", lambda model: model["identifier"].append({"value": "2"}), id="two identifiers"
        ),
        pytest.param("CREDSStructureDefinition", lambda model: model.update(kind="resource"), id="not logical"),
        pytest.param("CREDSStructureDefinition", lambda model: model.update(abstract=True), id="abstract"),
        pytest.param("CREDSSubmission", lambda bundle: bundle.update(type="batch-response"), id="no collection"),
        pytest.param("CREDSSubmission", lambda bundle: bundle["entry"].pop(0), id="no header"),
        pytest.param("CREDSSubmission", lambda bundle: bundle["entry"].pop(1), id="no patient"),
        pytest.param("CREDSSubmission", lambda bundle: bundle["entry"].reverse(), id="header last"),
        pytest.param("CREDSSubmission", lambda bundle: entry(1)(bundle).pop("gender"), id="no gender"),
        pytest.param("CREDSSubmission", lambda bundle: entry(1)(bundle).pop("name"), id="no name"),
        pytest.param(
            "CREDSSubmission", lambda bundle: entry(1)(bundle).pop("identifier"), id="no identifier of the patient"
        ),
        pytest.param(
            "CREDSSubmission",
            lambda bundle: entry(1)(bundle)["identifier"][0].pop("system"),
            id="an identifier without system",
        ),
        pytest.param(
            "CREDSSubmission",
            lambda bundle: entry(1)(bundle)["name"][0].update(family="B"),
            id="a name that is masked and given",
        ),
        pytest.param("CREDSOperationOutcome", lambda outcome: outcome["issue"].pop(0), id="no submission"),
        pytest.param("CREDSOperationOutcome", lambda outcome: outcome["issue"].pop(1), id="no validation"),
        pytest.param("CREDSOperationOutcome", lambda outcome: outcome["issue"].reverse(), id="submission last"),
        pytest.param(
            "CREDSOperationOutcome", lambda outcome: outcome["issue"][1].update(code="required"), id="another code"
        ),
        pytest.param(
            "CREDSOperationOutcome", lambda outcome: outcome["issue"][0].update(severity="error"), id="another severity"
        ),
        pytest.param(
            "CREDSOperationOutcome", lambda outcome: outcome["issue"][1].pop("expression"), id="a finding without place"
        ),
        pytest.param(
            "CREDSOperationOutcome", lambda outcome: outcome["issue"][1].update(location=["x"]), id="a location"
        ),
        pytest.param(
            "CREDSOperationOutcome",
            lambda outcome: outcome["issue"][0].update(details={"text": "x"}),
            id="details of the submission",
        ),
    ],
)
def test_what_breaks_a_rule_of_the_guide_is_found(name: str, change: Callable[[Resource], Any]) -> None:
    broken = copy.deepcopy(NAMED[name])
    change(broken)
    assert errors(broken, f"{GUIDE}/{name}")


def test_a_name_is_given_or_said_to_be_absent() -> None:
    patient = copy.deepcopy(entry(1)(SUBMISSION))
    assert errors(patient, PATIENT) == set()
    patient["name"] = [{"given": ["A."]}]
    assert errors(patient, PATIENT) == set()
    patient["name"] = [{"text": "A. B."}]
    assert errors(patient, PATIENT) == {"us-core-6"}
