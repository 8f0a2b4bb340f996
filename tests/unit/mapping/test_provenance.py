"""Who made a resource, from what, when and by which map."""

from __future__ import annotations

from fhir_service.mapping.provenance import entries, provenance
from fhir_service.validation.structure import findings

PATIENT = {"resourceType": "Patient", "id": "5b0e"}


def made(**changes: str) -> dict[str, object]:
    arguments = {
        "source_key": "key",
        "document": "d0c",
        "agent": "a9e",
        "structure_map": "https://example.org/StructureMap/case-report|0.1.0",
        "recorded": "2026-01-31T12:00:00Z",
    }
    return provenance(PATIENT, **(arguments | changes))


def test_it_names_target_time_agent_document_and_map() -> None:
    found = made()
    assert found | {"id": ""} == {
        "resourceType": "Provenance",
        "id": "",
        "target": [{"reference": "urn:uuid:5b0e"}],
        "recorded": "2026-01-31T12:00:00Z",
        "activity": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "CREATE"}]
        },
        "agent": [{"who": {"reference": "urn:uuid:a9e"}}],
        "entity": [
            {"role": "source", "what": {"reference": "urn:uuid:d0c"}},
            {
                "role": "source",
                "what": {
                    "type": "StructureMap",
                    "identifier": {"value": "https://example.org/StructureMap/case-report|0.1.0"},
                },
            },
        ],
    }
    assert findings(found) == []


def test_its_id_depends_on_the_resource_and_not_on_time_or_map() -> None:
    assert made()["id"] == made(recorded="2027-01-01T00:00:00Z", structure_map="x|1")["id"]
    assert made()["id"] != made(source_key="other")["id"]


def test_an_entry_puts_the_resource_at_its_id() -> None:
    assert entries([PATIENT]) == [
        {"fullUrl": "urn:uuid:5b0e", "resource": PATIENT, "request": {"method": "PUT", "url": "Patient/5b0e"}}
    ]
