"""Adverse events for tests of the research projection: one that has everything, and where its parts are found again."""

from __future__ import annotations

import copy
import json
from typing import Any

from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.research_events import misses, research_events

BASE = "https://vertebral-augmentation.example.org/fhir"
GUIDE = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition"
PROFILE = f"{GUIDE}/AdverseEvent-clinical-research"
NCI = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
HL7 = "http://terminology.hl7.org/CodeSystem"
SERIOUSNESS = f"{HL7}/adverse-event-seriousness"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
SPAN = [{"url": "https://example.org/span", "valueDecimal": 1.10}]

Resource = dict[str, Any]


def coded(system: str, *codes: str, **more: Any) -> Resource:
    return {"coding": [{"system": f"{HL7}/{system}", "code": code} for code in codes], **more}


def event(**more: Any) -> Resource:
    """An event that the profile can take; None takes an element away."""
    whole: Resource = {
        "resourceType": "AdverseEvent",
        "id": "e1",
        "actuality": "actual",
        "event": {"text": "Cement embolism"},
        "subject": {"reference": "Patient/p"},
        "seriousness": coded("adverse-event-seriousness", "SeriousIsLifeThreatening", text="near death"),
        "outcome": coded("adverse-event-outcome", "resolved", extension=SPAN),
        **more,
    }
    return {name: value for name, value in whole.items() if value is not None}


def projected(*resources: Resource) -> Resource:
    """The Bundle that becomes of these, each under an address of its own, as JSON has it."""
    entries = [
        {"fullUrl": f"http://localhost/fhir/{one['resourceType']}/{one.get('id', 'x')}", "resource": one}
        for one in copy.deepcopy(resources)
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return research_events(parse(json.dumps(bundle).encode()), BASE)


def view(*resources: Resource) -> Resource:
    """The one event among them, projected without a miss."""
    bundle = projected(*resources)
    assert misses(bundle) == []
    (entry,) = bundle["entry"]
    found: Resource = json.loads(encode(entry["resource"]))
    return found


def missed(*resources: Resource) -> list[tuple[str, str]]:
    """Rule and place of every miss."""
    return [(issue["details"]["coding"][0]["code"], issue["expression"][0]) for issue in misses(projected(*resources))]


def extensions(element: Resource, name: str) -> list[Resource]:
    """Those of the guide by name, or nested ones by theirs."""
    return [one for one in element.get("extension", ()) if one["url"] in (f"{GUIDE}/{name}", name)]


def part(extension: Resource, *names: str) -> Resource:
    """The one nested extension below these names."""
    for name in names:
        (extension,) = extensions(extension, name)
    return extension
