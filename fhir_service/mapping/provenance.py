"""Provenance of what a map made: one for each resource, after the map has run (R4 provenance.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhir_service.mapping.attribution import Artifact
from fhir_service.mapping.identity import resource_id
from fhir_service.reports.second_reader import model_of

DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


def provenance(
    resource: Mapping[str, Any],
    *,
    source_key: str,
    document: str,
    agent: str,
    structure_map: Artifact,
    made_by: Iterable[Artifact] = (),
    recorded: str,
    model: str | None = None,
) -> dict[str, Any]:
    """The Provenance of one resource. `model` is the language model that read it, where the rules did not.

    `document` and `agent` are ids of the DocumentReference and of the Device that read it, `recorded` an instant.
    Entities are the document, then the map that was run, then what else it was made by.
    """
    artifacts = [structure_map, *(one for one in made_by if one != structure_map)]
    return {
        "resourceType": "Provenance",
        "id": resource_id(source_key, f"provenance/{resource['resourceType']}/{resource['id']}"),
        "target": [_reference(resource["id"])],
        "recorded": recorded,
        "activity": {"coding": [{"system": DATA_OPERATION, "code": "CREATE"}]},
        "agent": [{"who": _reference(agent)}, *([{"who": {"type": "Device", "display": model}}] if model else ())],
        "entity": [
            {"role": "source", "what": _reference(document)},
            *({"role": "source", "what": {"type": kind, "identifier": {"value": url}}} for kind, url in artifacts),
        ],
    }


def models(facts: Any) -> dict[str, str]:
    """By id the language model that read a fact, of all facts of logical-model JSON."""
    found: dict[str, str] = {}
    waiting = [facts]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            model = model_of(node.get("rule"))
            if model is not None and "id" in node:
                found[node["id"]] = model
            waiting += node.values()
        elif type(node) is list:
            waiting += node
    return found


def entries(resources: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Entries of a transaction that put each resource at its id."""
    return [
        {
            "fullUrl": f"urn:uuid:{resource['id']}",
            "resource": resource,
            "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
        }
        for resource in resources
    ]


def _reference(resource: str) -> dict[str, str]:
    return {"reference": f"urn:uuid:{resource}"}
