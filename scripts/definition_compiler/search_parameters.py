"""HL7's search parameters without prose."""

from __future__ import annotations

from typing import Any

from definition_compiler.package import VERSION, Resource

_KEPT = (
    "url",
    "code",
    "base",
    "type",
    "expression",
    "target",
    "comparator",
    "modifier",
    "chain",
    "multipleOr",
    "multipleAnd",
)
_FILTER = "http://hl7.org/fhir/SearchParameter/filter"


def search_parameters(resources: list[Resource]) -> list[dict[str, Any]]:
    """R4's own search parameters, ordered by URL. HL7's examples of a search parameter and the ones without a base
    type or a meaning (no expression, though one is needed) are left out."""
    return [_facts(entry) for entry in sorted(resources, key=lambda entry: entry["url"]) if _is_usable(entry)]


def _is_usable(entry: Resource) -> bool:
    if entry["url"] == _FILTER:
        return True
    about_everything = any(base in ("Resource", "DomainResource") for base in entry.get("base", []))
    return entry.get("version") == VERSION and bool(entry.get("base")) and ("expression" in entry or about_everything)


def _facts(entry: Resource) -> dict[str, Any]:
    facts = {key: entry[key] for key in _KEPT if key in entry}
    if "component" in entry:
        facts["component"] = [
            {"definition": part["definition"], "expression": part["expression"]} for part in entry["component"]
        ]
    return facts
