"""Who made a resource, from what, when and by which map."""

from __future__ import annotations

from typing import Any

from golden_cases import CASES

from fhir_service.definitions.catalogue import DEFAULT_BASE, catalogue
from fhir_service.mapping.attribution import Artifact
from fhir_service.mapping.library import load_library
from fhir_service.mapping.provenance import entries, provenance
from fhir_service.validation.structure import findings

PATIENT = {"resourceType": "Patient", "id": "5b0e"}
MAP = Artifact("StructureMap", "https://example.org/StructureMap/case-report|0.1.0")


def made(**changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "source_key": "key",
        "document": "d0c",
        "agent": "a9e",
        "structure_map": MAP,
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
    assert made()["id"] == made(recorded="2027-01-01T00:00:00Z", structure_map=Artifact("StructureMap", "x|1"))["id"]
    assert made()["id"] != made(source_key="other")["id"]


def test_an_entry_puts_the_resource_at_its_id() -> None:
    assert entries([PATIENT]) == [
        {"fullUrl": "urn:uuid:5b0e", "resource": PATIENT, "request": {"method": "PUT", "url": "Patient/5b0e"}}
    ]


def test_what_else_made_it_follows_the_document_and_the_map_that_was_run() -> None:
    others = [
        Artifact("StructureMap", "https://example.org/StructureMap/patient|3"),
        MAP,
        Artifact("ConceptMap", "u|2"),
    ]
    entities = [entity["what"] for entity in made(made_by=others)["entity"]]
    assert entities[0] == {"reference": "urn:uuid:d0c"}
    assert [(what["type"], what["identifier"]["value"]) for what in entities[1:]] == [MAP, others[0], others[2]]


def artifacts_of(kind: str, case: str = "every-kind-of-fact") -> set[str]:
    """What the Provenance of the resources of a type names in a golden case, by the last part of the URL."""
    resources = [entry["resource"] for entry in CASES[case].mapped()["entry"]]
    made_here = {f"urn:uuid:{resource['id']}" for resource in resources if resource["resourceType"] == kind}
    found: set[str] = set()
    for resource in resources:
        if resource["resourceType"] == "Provenance" and resource["target"][0]["reference"] in made_here:
            named = [what["identifier"]["value"] for what in (entity["what"] for entity in resource["entity"][1:])]
            assert len(set(named)) == len(named)
            found |= {url.rsplit("/", 1)[1] for url in named}
    return {url.partition("|")[0] for url in found}


def test_each_resource_names_the_maps_that_wrote_it_and_no_other() -> None:
    assert artifacts_of("DocumentReference") == {"case-report", "case-report-document"}
    assert artifacts_of("Patient") == {"case-report", "case-report-patient", "case-report-shared"}
    event = {"case-report", "case-report-adverse-event", "case-report-shared"}
    assert artifacts_of("AdverseEvent") == event | {"vertebral-level-to-snomed"}
    assert artifacts_of("AdverseEvent", "series-with-figures") == event | {"complication-to-snomed"}


def test_every_map_and_concept_map_it_names_is_there_in_that_version() -> None:
    maps = load_library(catalogue())
    for entry in CASES["every-kind-of-fact"].mapped()["entry"]:
        for entity in entry["resource"].get("entity", [])[1:]:
            canonical = entity["what"]["identifier"]["value"]
            url, _, version = canonical.partition("|")
            assert url.startswith(DEFAULT_BASE)
            if entity["what"]["type"] == "StructureMap":
                assert version == maps.maps[url].meta("version")
            else:
                assert version == maps.concept_maps.get(url).version
