"""Index rows do not depend on what was indexed before, though parts of resources are remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_service.fhir.json_text import parse
from fhir_service.search import parts
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.storage.index_rows import IndexRows, index_rows

GOLDEN = Path(__file__).parents[2] / "golden"
TWICE = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "urn:s", "code": "a"}], "text": "pain"},
    "valueQuantity": {"value": 7, "unit": "mg"},
    "component": [
        {"code": {"coding": [{"system": "urn:s", "code": "b"}]}, "valueQuantity": {"value": 3, "unit": "mg"}},
        {"code": {"coding": [{"system": "urn:s", "code": "a"}], "text": "pain"}, "valueQuantity": {"value": 7}},
    ],
}
"""Some of what it is found by is in two of its parts, and more in one than in the other."""


def resources() -> Iterator[dict[str, Any]]:
    yield TWICE
    yield {"resourceType": "Patient", "name": [{"family": "Øre", "given": ["Bo"]}], "gender": "male", "active": True}
    yield {"resourceType": "Patient", "deceasedBoolean": True, "text": {"status": "generated", "div": "<div>Bo</div>"}}
    yield {"resourceType": "ValueSet", "url": "http://x.org/v", "version": "1", "status": "active", "name": "V"}
    for file in sorted(GOLDEN.rglob("*.json")):
        for entry in json.loads(file.read_text()).get("entry", []):
            yield parse(json.dumps(entry["resource"]).encode())


def test_what_is_remembered_of_others_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget() -> None:
        monkeypatch.setattr(parts, "_memory", parts._Memory())

    every = list(resources())
    apart = []
    for resource in every:
        forget()
        apart.append(found(resource))
    forget()
    for _ in range(3):
        assert [found(resource) for resource in every] == apart
    assert all(index_values(resource).parts[0].remembered for resource in every)


def found(resource: dict[str, Any]) -> tuple[str, IndexRows]:
    values = index_values(resource)
    return partition_key("x", values), index_rows(values)
