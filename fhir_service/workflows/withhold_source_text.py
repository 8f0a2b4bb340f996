"""What a report makes, without the words of the report: the setting source_text=withhold.

Left are its hash, the places of its facts (offset and length), and what was made of the words: codes, numbers, units
and times. Where words were all there was, the resource says that they are masked. docs/howto/source-text.md lists
what goes and what stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_service.storage.repository import Key

_MASKED = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
_WORDS = frozenset({"text", "valueString", "productRelatedness", "data", "title"})
"""Elements in which a report's words stand: of a concept, of an extension, of a causality, of the document itself."""
_NO_WORDS = frozenset({"targetPath", "journal"})
"""Extensions whose string is none of the report's: the path of an element, and the citation."""


def without_source_text(resources: Mapping[Key, dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """The same resources, none of them changed in place."""
    return {key: _without(resource) for key, resource in resources.items()}


def _without(element: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _inner(value) for name, value in element.items()}
    if element.get("url") in _NO_WORDS:
        return kept
    for name in _WORDS & element.keys():
        if isinstance(element[name], str):
            del kept[name]
            if not (name == "text" and element.get("coding")):
                kept[f"_{name}"] = _masked(kept.get(f"_{name}"))
    return kept


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return _without(value)
    return [_inner(item) for item in value] if isinstance(value, list) else value


def _masked(beside: Any) -> dict[str, Any]:
    """What stands beside a value (its spans), and why the value is not there."""
    found = beside if isinstance(beside, dict) else {}
    return {**found, "extension": [*found.get("extension", ()), _MASKED]}
