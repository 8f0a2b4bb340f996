"""Adverse events in the form of HL7's guide Adverse Event Clinical Research, R4 backport 1.0.1, by its own map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_service.mapping.map_report import map_library

MAP = "/StructureMap/adverse-event-research"


def research_events(bundle: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The adverse events of a Bundle as a Bundle of type collection, Decimals for numbers; other entries tell only
    whether a document was entered in error. `base` is the canonical base of our own URLs.

    What the profile cannot take is left out: the last entry is then an OperationOutcome with an issue for each rule
    that an event misses. Raises MappingError where the Bundle is none of R4.
    """
    return map_library(base).transform(base + MAP, bundle)


def misses(projected: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The issues of a projection, none where every event could be projected whole."""
    found = (entry["resource"] for entry in projected.get("entry", ()))
    return [
        issue for resource in found if resource["resourceType"] == "OperationOutcome" for issue in resource["issue"]
    ]
