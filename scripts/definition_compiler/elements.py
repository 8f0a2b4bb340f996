"""StructureDefinitions to the element catalogue: what each path may hold, how often, bound to what, pointing where."""

from __future__ import annotations

from typing import Any

from definition_compiler.package import Resource
from definition_compiler.primitives import PRIMITIVES

_FHIRPATH_TYPE = "http://hl7.org/fhirpath/System.String"
_MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_INLINE = {"Element", "BackboneElement"}


def element_catalogue(definitions: list[Resource]) -> dict[str, Any]:
    """All resource types and data types: {"primitives": {...}, "types": {name: {kind, base, abstract, elements}}}."""
    chosen = {entry["type"]: entry for entry in definitions if _is_type(entry)}
    named = {name for name, entry in chosen.items() if entry["kind"] == "primitive-type"}
    if named != set(PRIMITIVES):
        raise SystemExit(f"primitive types without a form, or the other way round: {named ^ set(PRIMITIVES)}")
    types = {name: _type(entry) for name, entry in sorted(chosen.items()) if name not in named}
    return {"primitives": PRIMITIVES, "types": types}


def _is_type(definition: Resource) -> bool:
    return definition["kind"] != "logical" and definition.get("derivation") != "constraint"


def _type(definition: Resource) -> dict[str, Any]:
    name = definition["type"]
    elements = {
        entry["path"].removeprefix(f"{name}."): _element(entry, is_resource=definition["kind"] == "resource")
        for entry in definition["snapshot"]["element"][1:]
        if entry["max"] != "0"
    }
    base = definition.get("baseDefinition", "").rpartition("/")[2]
    facts = {"kind": definition["kind"], "base": base, "abstract": definition["abstract"], "elements": elements}
    return _stated(facts)


def _element(entry: Resource, *, is_resource: bool) -> dict[str, Any]:
    if entry["max"] not in ("1", "*") or entry["min"] not in (0, 1):
        raise SystemExit(f"{entry['path']}: cardinality {entry['min']}..{entry['max']} is not provided for")
    types = entry.get("type", [])
    attribute = any(kind["code"] == _FHIRPATH_TYPE for kind in types)
    facts = {
        "types": [_type_code(kind, entry["path"], is_resource=is_resource) for kind in types],
        "min": entry["min"],
        "repeats": entry["max"] == "*",
        "targets": {kind["code"]: _names(kind["targetProfile"]) for kind in types if kind.get("targetProfile")},
        "profiles": {kind["code"]: _names(kind["profile"]) for kind in types if kind.get("profile")},
        "binding": _binding(entry),
        "same_as": entry.get("contentReference", "").removeprefix("#"),
        "attribute": attribute,
        "summary": entry.get("isSummary"),
        "modifier": entry.get("isModifier"),
    }
    return _stated(facts)


def _type_code(kind: dict[str, Any], path: str, *, is_resource: bool) -> str:
    """The FHIR type. HL7's R4 snapshots call Resource.id a string; the specification makes it an id."""
    if kind["code"] != _FHIRPATH_TYPE:
        return str(kind["code"])
    if path.endswith(".url"):
        return "uri"
    return "id" if is_resource and path.count(".") == 1 else "string"


def _names(profiles: list[str]) -> list[str]:
    return sorted({profile.rpartition("/")[2] for profile in profiles})


def _binding(entry: Resource) -> dict[str, Any]:
    binding = entry.get("binding")
    if not binding or "valueSet" not in binding:
        return {}
    widest = [part["valueCanonical"] for part in binding.get("extension", []) if part["url"] == _MAX_VALUE_SET]
    return _stated(
        {
            "strength": binding["strength"],
            "value_set": binding["valueSet"].partition("|")[0],
            "max_value_set": widest[0].partition("|")[0] if widest else "",
        }
    )


def _stated(facts: dict[str, Any]) -> dict[str, Any]:
    """Without what is false, zero or empty: the reader of the data supplies these."""
    return {key: value for key, value in facts.items() if value}
