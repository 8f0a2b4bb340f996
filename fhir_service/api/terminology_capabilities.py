"""TerminologyCapabilities: the code systems that are held, and how questions on them are answered (R4)."""

from __future__ import annotations

from typing import Any

from fhir_service import __version__
from fhir_service.api.operations.expand import INPUTS
from fhir_service.fhir.models import built
from fhir_service.terminology.terminologies import Terminologies

_CHANGED = "2026-11-21"


def terminology_capabilities(held: Terminologies, base: str) -> bytes:
    """What a server at `base` holds, the systems that it holds whole; of the others it knows single codes only."""
    return built(
        {
            "resourceType": "TerminologyCapabilities",
            "name": "FhirServiceTerminology",
            "title": "Terminologies of fhir-service",
            "status": "active",
            "date": _CHANGED,
            "kind": "instance",
            "description": "Our own code systems and those of HL7 that elements of R4 are bound to. Codes of SNOMED, "
            "LOINC, ICD-10 and UCUM are known only where a value set or map of this server names them.",
            "software": {"name": "fhir-service", "version": __version__},
            "implementation": {"description": "Terminology operations of fhir-service", "url": base},
            "codeSystem": [_code_system(held, url) for url in held.code_systems.whole],
            "expansion": {
                "hierarchical": False,
                "paging": True,
                "incomplete": False,
                "parameter": [{"name": entry.name, "documentation": entry.text} for entry in INPUTS],
                "textFilter": "Words, each of which begins a word of the code, its display or its other names.",
            },
            "codeSearch": "all",
            "validateCode": {"translations": False},
            "translation": {"needsMap": False},
        }
    )


def _code_system(held: Terminologies, url: str) -> dict[str, Any]:
    resource = held.code_system_resources[url]
    version = {"isDefault": True, "compositional": False}
    if "version" in resource:
        version = {"code": resource["version"], **version}
    return {"uri": url, "version": [version], "subsumption": resource.get("hierarchyMeaning", "is-a") == "is-a"}
