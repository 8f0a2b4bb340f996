"""The CapabilityStatement, made from the rows that route and the parameters that are indexed, so that it cannot lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fhir_service import __version__
from fhir_service.api.content_negotiation import FHIR_JSON, FHIR_XML
from fhir_service.api.interaction import Interaction
from fhir_service.fhir.models import FHIR_VERSION, built
from fhir_service.search.offered import search_parameters

_CHANGED = "2026-11-21"
"""When what is stated here last changed. Not the time of asking: the same content keeps its ETag on every process."""
_OF_THE_SYSTEM = frozenset({"transaction", "batch", "search-system", "history-system"})
_OF_A_TYPE = frozenset(
    {"read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"}
)


def capability_statement(interactions: Sequence[Interaction], types: Iterable[str], base: str) -> bytes:
    """The statement of a server at `base` that answers these rows for these types."""
    return built(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": _CHANGED,
            "kind": "instance",
            "software": {"name": "fhir-service", "version": __version__},
            "implementation": {
                "description": "Case reports of complications after vertebral augmentation, with source spans",
                "url": base,
            },
            "fhirVersion": FHIR_VERSION,
            "format": ["json", "xml", FHIR_JSON, FHIR_XML],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "description": "Open to programs on the same machine; the service listens on loopback only."
                    },
                    "resource": [_resource(interactions, resource_type) for resource_type in sorted(types)],
                    "interaction": _codes(interactions, _OF_THE_SYSTEM),
                }
            ],
        }
    )


def _resource(interactions: Sequence[Interaction], resource_type: str) -> dict[str, Any]:
    rows = [row for row in interactions if row.types is None or resource_type in row.types]
    codes = {row.code for row in rows}
    resource: dict[str, Any] = {
        "type": resource_type,
        "interaction": _codes(rows, _OF_A_TYPE),
        "versioning": "versioned",
        "readHistory": "history-instance" in codes,
        "updateCreate": "update" in codes,
        "conditionalCreate": False,
        "conditionalRead": "full-support",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal"],
        "searchParam": [{"name": one.name, "type": one.type} for one in search_parameters(resource_type)],
    }
    operations = [{"name": row.code, "definition": row.definition} for row in rows if row.definition]
    return resource | ({"operation": operations} if operations else {})


def _codes(rows: Iterable[Interaction], known: frozenset[str]) -> list[dict[str, str]]:
    return [{"code": code} for code in dict.fromkeys(row.code for row in rows) if code in known]
