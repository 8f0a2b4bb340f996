"""What the tests of the REST API share: the address, bodies, and how a refusal is read."""

from __future__ import annotations

from typing import Any

import httpx

from fhir_service.settings import Settings

BASE = "http://localhost/fhir"
JSON = {"content-type": "application/fhir+json"}
MEASUREMENT = "https://vertebral-augmentation.example.org/fhir/CodeSystem/measurement"

Client = httpx.AsyncClient


def settings(**changes: Any) -> Settings:
    """Default settings, whatever the environment says; jobs are only begun, unless a case wants them done."""
    return Settings.model_construct(**{"run_jobs": False} | changes)


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def observation(patient_id: str | None = None, code: str = "cement-volume", **more: Any) -> dict[str, Any]:
    subject = {"subject": {"reference": f"Patient/{patient_id}"}} if patient_id else {}
    coding = {"system": MEASUREMENT, "code": code}
    return {"resourceType": "Observation", "status": "final", "code": {"coding": [coding]}, **subject, **more}


def issues(response: httpx.Response) -> list[dict[str, Any]]:
    """The issues of a refusal: every one is an OperationOutcome, announced as FHIR JSON, with the id of its request."""
    assert response.headers["content-type"] == "application/fhir+json"
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    assert response.headers["x-request-id"]
    found: list[dict[str, Any]] = body["issue"]
    assert all(issue["severity"] in ("error", "fatal") and issue["code"] and issue["diagnostics"] for issue in found)
    return found
