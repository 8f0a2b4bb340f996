"""What R4 requires, filled in: so that a case need say only what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_service.definitions.codes import required_codes
from fhir_service.definitions.elements import (
    Property,
    children,
    is_primitive,
    primitives,
    properties,
    resource_types,
)

_TEXTS = {
    "date": "2024-02-03",
    "dateTime": "2024-02-03",
    "instant": "2024-02-03T10:00:00Z",
    "time": "10:00:00",
    "base64Binary": "aGk=",
    "canonical": "http://example.org/a",
    "uri": "http://example.org/a",
    "url": "http://example.org/a",
    "oid": "urn:oid:1.2",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
}
_WORDS = {"string": "A"}
_NUMBERS = {"boolean": True, "integer": 1, "number": 1}
_NEVER_EMPTY: Mapping[str, Any] = {
    "Reference": {"display": "A"},
    "Coding": {"code": "a"},
    "Quantity": {"value": 1},
    "Money": {"value": 1},
    "Period": {"start": "2024"},
    "Attachment": {"title": "a"},
}
_USED = ("unit", "text", "active", "draft", "final", "completed")
"""Codes that mean nothing in particular, where one of these is allowed."""


def completed(holder: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with each required element that is not there, at every depth; `holder` as in definitions.elements."""
    holder = str(given.get("resourceType", holder))
    allowed = properties(holder)
    found = {key: _part(allowed.get(key), value) for key, value in given.items()}
    for name, element in children(holder).items():
        keys = [key for key, entry in allowed.items() if entry.name == name]
        if element.min and not any(part in given for key in keys for part in (key, f"_{key}")):
            made = _made(allowed[keys[0]])
            found[keys[0]] = [made] if element.repeats else made
    return found


def smallest(resource_type: str) -> dict[str, Any]:
    """What is required of a resource, and nothing else."""
    return completed(resource_type, {"resourceType": resource_type})


def _part(known: Property | None, value: Any) -> Any:
    if isinstance(value, list):
        return [_part(known, item) for item in value]
    if known is None or not isinstance(value, dict) or not known.holder:
        return value
    if known.type == "Resource" and value.get("resourceType") not in resource_types():
        return value
    return completed(known.holder, value)


def _made(known: Property) -> Any:
    binding = known.element.binding
    codes = required_codes(binding.value_set) if binding and binding.strength == "required" else None
    if codes and known.type in ("code", "CodeableConcept", "Coding"):
        return _coded(known.type, codes)
    if is_primitive(known.type):
        return _TEXTS.get(known.type) or _NUMBERS.get(primitives()[known.type].json, _WORDS.get(known.type, "a"))
    return dict(_NEVER_EMPTY.get(known.type) or completed(known.holder, {}) or {"text": "a"})


def _coded(kind: str, codes: Mapping[str, tuple[str, ...]]) -> Any:
    every = [(system, code) for system, listed in codes.items() for code in listed]
    system, code = next((one for wanted in _USED for one in every if one[1] == wanted), every[0])
    coding = {"system": system, "code": code}
    return code if kind == "code" else coding if kind == "Coding" else {"coding": [coding]}
