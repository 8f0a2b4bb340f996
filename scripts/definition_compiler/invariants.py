"""StructureDefinitions to the invariants of R4: what must hold of the value of an element, beyond its structure."""

from __future__ import annotations

from typing import Any

from definition_compiler.package import VERSION, Resource

_BEST_PRACTICE = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"
_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_PROFILES_IN_TYPES = ("SimpleQuantity",)
"""The profile that R4's own types ask of their elements."""


def invariants(definitions: list[Resource]) -> dict[str, list[dict[str, Any]]]:
    """{path of an element, or name of a type or profile: [{key, severity, human, expression, best_practice}]}, each
    constraint where it is first stated: types and profiles hand theirs down."""
    found: dict[str, list[dict[str, Any]]] = {}
    for definition in definitions:
        if _is_wanted(definition):
            for entry in definition["differential"]["element"]:
                stated = [_constraint(each) for each in entry.get("constraint", ())]
                if stated:
                    found[_place(definition, entry["path"])] = sorted(stated, key=_number)
    return dict(sorted(found.items()))


def _is_wanted(definition: Resource) -> bool:
    is_hl7 = definition["url"].startswith(_HL7) and definition.get("fhirVersion") == VERSION
    if definition["name"] in _PROFILES_IN_TYPES:
        return is_hl7
    return (
        is_hl7 and definition["kind"] in ("resource", "complex-type") and definition.get("derivation") != "constraint"
    )


def _place(definition: Resource, path: str) -> str:
    return definition["name"] + path.removeprefix(definition["type"])


def _constraint(entry: dict[str, Any]) -> dict[str, Any]:
    facts = {name: entry[name].strip() for name in ("key", "severity", "human", "expression")}
    best = any(part["url"] == _BEST_PRACTICE and part["valueBoolean"] for part in entry.get("extension", ()))
    return facts | ({"best_practice": True} if best else {})


def _number(constraint: dict[str, Any]) -> tuple[str, int, str]:
    """Keys in a person's order: que-2 before que-10."""
    prefix, _, rest = constraint["key"].rpartition("-")
    digits = rest.rstrip("abcdefghijklmnopqrstuvwxyz")
    return prefix, int(digits or 0), rest
