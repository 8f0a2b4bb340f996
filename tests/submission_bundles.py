"""Submissions to the registry, as HL7's guide CREDS has them."""

from __future__ import annotations

from typing import Any

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.workflows.submission_bundle import PROFILE

MODEL = f"{DEFAULT_BASE}/StructureDefinition/case-report"
HEADER, PATIENT, PROCEDURE = (f"urn:uuid:{digit * 8}-1111-4111-8111-111111111111" for digit in "123")


def submission(record: str = "sub-1", *, patient: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One that conforms; `patient` replaces elements of its Patient."""
    absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    header = {
        "resourceType": "MessageHeader",
        "eventUri": "https://registry.example.org/event/case",
        "source": {"name": "Site 1", "endpoint": "https://site1.example.org/fhir"},
        "focus": [{"reference": PATIENT}],
    }
    person: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"system": "https://site1.example.org/case", "value": record}],
        "gender": "female",
        "name": [{"extension": [absent]}],
    }
    operation = {
        "resourceType": "Procedure",
        "meta": {"tag": [{"system": MODEL, "code": "procedure.kind"}]},
        "status": "completed",
        "code": {"text": "vertebroplasty"},
        "subject": {"reference": PATIENT},
    }
    resources = {HEADER: header, PATIENT: person | (patient or {}), PROCEDURE: operation}
    return {
        "resourceType": "Bundle",
        "id": record,
        "meta": {"profile": [PROFILE]},
        "type": "collection",
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in resources.items()],
        **more,
    }


def many(kind: str, *submissions: dict[str, Any]) -> dict[str, Any]:
    """A transaction or batch that creates them."""
    request = {"method": "POST", "url": "Bundle"}
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"resource": one, "request": request} for one in submissions],
    }
