"""What string parameters find: texts, and names and addresses by any of their parts and as a whole (STR-1, STR-2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_service.definitions.elements import children
from fhir_service.search.collector import Collector, Reader, TextValue
from fhir_service.search.expressions import Path
from fhir_service.search.terms import exact_term, text_scope
from fhir_service.search.text_folding import folded_forms, sounds

_WHOLE = {
    "HumanName": ("given", "family"),
    "Address": ("line", "city", "district", "state", "postalCode", "country"),
}
"""The parts that make the whole, in the order they are said."""
_PLAIN = frozenset({"string", "markdown"})


def string_reader(resource_type: str, parameters: Sequence[str], path: Path) -> Reader:
    """Reads the values of one path for the string parameters that share it."""
    scopes = [text_scope(resource_type, name, "string") for name in parameters]
    parts = tuple(name for name, entry in children(path.type).items() if "string" in entry.types) if path.holder else ()

    def add(text: str, found: Collector) -> None:
        forms = folded_forms(text)
        found.texts += [TextValue(scope, form) for scope in scopes for form in forms if form]

    def read(held: Any, found: Collector) -> None:
        for text in _texts(held, parts):
            add(text, found)
            found.terms += [exact_term(resource_type, name, text) for name in parameters]
        whole = _whole(held, path.type)
        if whole:
            add(whole, found)
            first = folded_forms(whole)[0]
            found.sort_by_text(parameters, first, first)

    return read


def sound_reader(resource_type: str, parameters: Sequence[str], path: Path) -> Reader:
    """Reads names for the parameters that find them by their sound."""
    scopes = [text_scope(resource_type, name, "string") for name in parameters]
    parts = tuple(name for name, entry in children(path.type).items() if "string" in entry.types) if path.holder else ()

    def read(held: Any, found: Collector) -> None:
        for text in {*_texts(held, parts), _whole(held, path.type)}:
            for form in sounds(text):
                found.texts += [TextValue(scope, form) for scope in scopes]

    return read


def has_strings(fhir_type: str) -> bool:
    """Whether a string parameter can read values of this type."""
    return fhir_type in _PLAIN or fhir_type in _WHOLE


def _texts(held: Any, parts: Sequence[str]) -> list[str]:
    if isinstance(held, str):
        return [held] if held and not parts else []
    if not isinstance(held, dict):
        return []
    return [text for part in parts for text in _listed(held.get(part))]


def _whole(held: Any, fhir_type: str) -> str:
    if isinstance(held, str):
        return held
    if not isinstance(held, dict):
        return ""
    said = [text for part in _WHOLE.get(fhir_type, ()) for text in _listed(held.get(part))]
    return " ".join(said or _listed(held.get("text")))


def _listed(held: Any) -> list[str]:
    every = held if isinstance(held, list) else (held,)
    return [text for text in every if isinstance(text, str) and text]
