"""What the tests of the REST API share: the address, bodies, and how a refusal is read."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI

from fhir_service.api.service import Service
from fhir_service.settings import Settings

BASE = "http://localhost/fhir"
JSON = {"content-type": "application/fhir+json"}
MEASUREMENT = "https://vertebral-augmentation.example.org/fhir/CodeSystem/measurement"

Client = httpx.AsyncClient


class InProcess(httpx.ASGITransport):
    """Asks an application without a socket. At its end what the application has noted is written, as at a stop."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app, raise_app_exceptions=False)
        self.service: Service = app.state.service

    async def aclose(self) -> None:
        if self.service.refusals is not None:
            self.service.refusals.flush()
        if self.service.accesses is not None:
            await self.service.accesses.close()


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
