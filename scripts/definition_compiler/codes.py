"""The codes of every value set that an element must take its code from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from definition_compiler.package import Resource

NOT_LISTED = {
    "http://hl7.org/fhir/ValueSet/currencies": "every currency code (ISO 4217)",
    "http://hl7.org/fhir/ValueSet/mimetypes": "every MIME type (BCP 13)",
    "http://hl7.org/fhir/ValueSet/ucum-units": "every UCUM unit",
    "http://loinc.org/vs/LL379-9": "a LOINC answer list that HL7 does not carry",
}
"""Required value sets that no list can hold, and why; whoever checks codes needs their terminology."""

_CODED = {"code", "CodeableConcept"}


def required_codes(
    catalogue: dict[str, Any], value_sets: dict[str, Resource], code_systems: dict[str, Resource]
) -> dict[str, dict[str, list[str]]]:
    """{value set: {code system: [codes]}} for each required binding of the catalogue."""
    wanted = sorted(set(_required(catalogue)) - set(NOT_LISTED))
    return {url: _expand(value_sets[url], code_systems) for url in wanted}


def _required(catalogue: dict[str, Any]) -> Iterator[str]:
    for name, definition in catalogue["types"].items():
        for path, element in definition["elements"].items():
            if element.get("binding", {}).get("strength") == "required":
                if not set(element["types"]) <= _CODED:
                    raise SystemExit(f"{name}.{path}: a required binding on {element['types']} is not provided for")
                yield element["binding"]["value_set"]


def _expand(value_set: Resource, code_systems: dict[str, Resource]) -> dict[str, list[str]]:
    compose = value_set["compose"]
    codes: dict[str, list[str]] = {}
    for part in compose["include"]:
        if "exclude" in compose or "filter" in part or "valueSet" in part:
            raise SystemExit(f"{value_set['url']}: only whole code systems and lists of codes are provided for")
        listed = part.get("concept") or list(_concepts(code_systems[part["system"]]))
        codes.setdefault(part["system"], []).extend(concept["code"] for concept in listed)
    return codes


def _concepts(node: Resource) -> Iterator[Resource]:
    if "content" in node and node["content"] != "complete":
        raise SystemExit(f"{node['url']} is not complete")
    for concept in node.get("concept", []):
        yield concept
        yield from _concepts(concept)
