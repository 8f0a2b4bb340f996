"""HL7's profiles and extensions as far as they are checked: differentials without prose, mappings and snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from definition_compiler.package import Resource

_PARTS = ("url", "version", "name", "type", "kind", "baseDefinition", "context", "derivation")
_ELEMENT_PARTS = (
    "id",
    "path",
    "sliceName",
    "min",
    "max",
    "type",
    "slicing",
    "contentReference",
    "mustSupport",
    "isModifier",
)
_VALUES = ("fixed", "pattern", "minValue", "maxValue", "maxLength")
_CONSTRAINT_PARTS = ("key", "severity", "human", "expression")
_UCUM = "http://unitsofmeasure.org"


def profiles(definitions: list[Resource], newer: list[Resource]) -> list[Resource]:
    """Everything of R4 that constrains a type of R4, and of `newer` what R4 has not yet."""
    found = {entry["url"]: entry for entry in (*newer, *definitions) if entry.get("derivation") == "constraint"}
    return [_profile(found[url]) for url in sorted(found)]


def bound_value_sets(found: list[Resource]) -> Iterator[str]:
    """Canonicals of the value sets that profiles hold codes to."""
    for profile in found:
        for element in profile["differential"]["element"]:
            binding = element.get("binding", {})
            if binding.get("strength") in ("required", "extensible") and "valueSet" in binding:
                yield binding["valueSet"].partition("|")[0]


def of_units(value_sets: dict[str, Resource]) -> Iterator[str]:
    """Value sets that list units of UCUM and nothing else."""
    for url, value_set in value_sets.items():
        parts = value_set.get("compose", {}).get("include", ())
        if parts and all(part.get("system") == _UCUM and "concept" in part for part in parts):
            yield url


def _profile(resource: Resource) -> Resource:
    kept = {name: resource[name] for name in _PARTS if name in resource}
    return {**kept, "differential": {"element": [_element(entry) for entry in resource["differential"]["element"]]}}


def _element(element: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in element.items() if name in _ELEMENT_PARTS or name.startswith(_VALUES)}
    if "binding" in element:
        kept["binding"] = {name: value for name, value in element["binding"].items() if name != "description"}
    if "constraint" in element:
        kept["constraint"] = [
            {name: entry[name] for name in _CONSTRAINT_PARTS if name in entry} for entry in element["constraint"]
        ]
    return kept
