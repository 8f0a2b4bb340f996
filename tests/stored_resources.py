"""Small resources for tests of the store, as text."""

from __future__ import annotations

import json
from typing import Any

LOINC = "http://loinc.org"


def text(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource).encode()


def patient(**elements: Any) -> bytes:
    return text({"resourceType": "Patient", **elements})


def observation(subject: str = "Patient/p1", code: str = "1234-5", **elements: Any) -> bytes:
    return text(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "subject": {"reference": subject},
            **elements,
        }
    )


def condition(subject: str = "Patient/p1", **elements: Any) -> bytes:
    return text({"resourceType": "Condition", "subject": {"reference": subject}, **elements})


def content(stored: bytes) -> dict[str, Any]:
    """The resource without what the store set."""
    resource: dict[str, Any] = json.loads(stored)
    resource.pop("id")
    resource.pop("meta")
    return resource
