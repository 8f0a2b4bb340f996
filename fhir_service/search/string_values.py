"""What string parameters find: texts, and names and addresses by any of their parts and as a whole (STR-1, STR-2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fhir_service.definitions.elements import children
from fhir_service.search.collector import Collector, Reader, TextValue
from fhir_service.search.expressions import Path
from fhir_service.search.terms import exact_term, text_scope
from fhir_service.search.text_folding import folded_forms, sounds

if TYPE_CHECKING:
    from fhir_service.search.parameters import IndexedParameter

_WHOLE = {
    "HumanName": ("given", "family"),
    "Address": ("line", "city", "district", "state", "postalCode", "country"),
}
"""The parts that make the whole, in the order they are said."""
_PLAIN = frozenset({"string", "markdown"})


class _Entry(NamedTuple):
    """What a text adds for all parameters that share its path."""

    terms: tuple[str, ...]
    texts: tuple[TextValue, ...]
    folded: str


def string_reader(resource_type: str, parameters: Sequence[IndexedParameter], path: Path) -> Reader:
    """Reads the values of one path for the string parameters that share it, those that go by sound included."""
    plain = [one.code for one in parameters if not one.by_sound]
    by_sound = [text_scope(resource_type, one.code, "string") for one in parameters if one.by_sound]
    scopes = [text_scope(resource_type, name, "string") for name in plain]
    parts = string_parts(path.type)

    @lru_cache(1024)
    def entry_for(text: str) -> _Entry:
        forms = folded_forms(text)
        rows = [TextValue(scope, form) for scope in scopes for form in forms if form]
        rows += [TextValue(scope, sound) for scope in by_sound for sound in sounds(text)]
        return _Entry(tuple(exact_term(resource_type, name, text) for name in plain), tuple(rows), forms[0])

    def read_text(held: Any, found: Collector) -> None:
        if isinstance(held, str) and held:
            entry = entry_for(held)
            found.terms += entry.terms
            found.texts += entry.texts
            found.sort_by_text(plain, entry.folded, entry.folded)

    def read_parts(held: Any, found: Collector) -> None:
        if not isinstance(held, dict):
            return
        for name in held:
            if name in parts:
                for text in _listed(held[name]):
                    entry = entry_for(text)
                    found.terms += entry.terms
                    found.texts += entry.texts
        whole = _whole(held, path.type)
        if whole:
            entry = entry_for(whole)
            found.texts += entry.texts
            found.sort_by_text(plain, entry.folded, entry.folded)

    return read_parts if parts else read_text


@cache
def string_parts(fhir_type: str) -> frozenset[str]:
    """The strings that a name or an address is made of; none where it is a string itself."""
    if fhir_type not in _WHOLE:
        return frozenset()
    return frozenset(name for name, entry in children(fhir_type).items() if "string" in entry.types)


def has_strings(fhir_type: str) -> bool:
    """Whether a string parameter can read values of this type."""
    return fhir_type in _PLAIN or fhir_type in _WHOLE


def _whole(held: dict[str, Any], fhir_type: str) -> str:
    said = [text for part in _WHOLE[fhir_type] if part in held for text in _listed(held[part])]
    return " ".join(said or _listed(held.get("text")))


def _listed(held: Any) -> list[str]:
    if isinstance(held, str):
        return [held] if held else []
    return [text for text in held if isinstance(text, str) and text] if isinstance(held, list) else []
