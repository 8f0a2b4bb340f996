"""The ConceptMaps that a StructureMap resource contains, by id. Other contained resources have no part in a map."""

from __future__ import annotations

from typing import Any

from fhir_service.mapping.concept_map_releases import to_r4
from fhir_service.mapping.resource_names import as_id
from fhir_service.mapping.resource_part import Part


def read_contained(part: Part) -> dict[str, dict[str, Any]]:
    """The ConceptMaps as R4 has them. Raises MappingError for one that cannot be used."""
    found: dict[str, dict[str, Any]] = {}
    for entry in part.parts("contained"):
        if entry.value.get("resourceType") != "ConceptMap":
            continue
        own_id = entry.required("id")
        if as_id(own_id) != own_id:
            entry.refuse("an id has letters, digits, - and . only", "id")
        if own_id in found:
            entry.refuse("this id is given twice", "id")
        for group in entry.parts("group"):
            _check_group(group)
        found[own_id] = to_r4(entry.value)
    return found


def _check_group(group: Part) -> None:
    group.text("source")
    group.text("target")
    if not group.parts("element"):
        group.refuse("this is missing", "element")
    for element in group.parts("element"):
        element.required("code")
        for target in element.parts("target"):
            target.text("code")
            target.text("display")
            target.text("equivalence")
            target.text("relationship")
    if "unmapped" in group.value:
        unmapped = group.part(group.value["unmapped"], "unmapped")
        unmapped.required("mode")
        for key in ("code", "display", "url", "otherMap"):
            unmapped.text(key)
