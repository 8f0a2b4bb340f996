"""What token parameters find: codes with their systems, and the texts that go with them (rest-rules TOK-1 to TOK-8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fhir_service.definitions.codes import required_codes
from fhir_service.search.collector import Collector, Reader, TextValue
from fhir_service.search.expressions import Path
from fhir_service.search.terms import (
    below_of,
    code_term,
    of_type_term,
    presence_term,
    system_term,
    text_scope,
    token_term,
)
from fhir_service.search.text_folding import folded_forms

if TYPE_CHECKING:
    from fhir_service.search.parameters import IndexedParameter

_MANY = frozenset({"Identifier", "ContactPoint", "boolean", "id", "string"})
"""Types with a value of its own for almost every resource, which it makes no sense to remember; and booleans, which
Python takes for numbers."""
_MIME_TYPES = "http://hl7.org/fhir/ValueSet/mimetypes"
Pair = tuple[str | None, str | None]
"""System and code; one of them is there."""


_Coding = tuple[Any, Any, Any]


def _coding_key(held: Any) -> _Coding:
    return held.get("system"), held.get("code"), held.get("display")


def _coding(key: _Coding) -> Any:
    return {"system": key[0], "code": key[1], "display": key[2]}


def _concept_key(held: Any) -> tuple[tuple[_Coding, ...], Any]:
    return tuple([_coding_key(coding) for coding in held.get("coding", ())]), held.get("text")


def _concept(key: tuple[tuple[_Coding, ...], Any]) -> Any:
    return {"coding": [_coding(coding) for coding in key[0]], "text": key[1]}


def _itself(held: Any) -> Any:
    return held


_KEYS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "Coding": (_coding_key, _coding),
    "CodeableConcept": (_concept_key, _concept),
}
"""What a value is remembered by, all that it is found by, and the way back."""


class _Entry(NamedTuple):
    """What a value adds for all parameters that share its path."""

    terms: tuple[str, ...]
    texts: tuple[TextValue, ...]
    sorted_by: tuple[str, str] | None


def token_reader(resource_type: str, parameters: Sequence[IndexedParameter], path: Path) -> Reader:
    """Reads the values of one path for the token parameters that share it."""
    codes = [one.code for one in parameters]
    pairs_of = pairs_reader(path)
    texts_of = _TEXTS.get(path.type, _no_texts)

    def entry_for(pairs: tuple[Pair, ...], texts: tuple[str, ...]) -> _Entry:
        terms = [term for pair in pairs for name in codes for term in token_terms(resource_type, name, *pair)]
        scopes = [text_scope(resource_type, name, "text") for name in codes]
        rows = [TextValue(scope, form) for scope in scopes for text in texts for form in folded_forms(text) if form]
        if holds_mime_types(path):
            ranges = [each for _, code in pairs if code is not None for each in mime_ranges(code)]
            terms += [code_term(resource_type, below_of(name), each) for name in codes for each in ranges]
        order = [code.casefold() for _, code in pairs if code is not None]
        return _Entry(tuple(terms), tuple(rows), (min(order), max(order)) if order else None)

    def slowly(held: Any) -> _Entry:
        return entry_for(tuple(pairs_of(held)), tuple(texts_of(held)))

    if path.type in _MANY:
        entry_of = slowly
    else:
        key_of, made_of = _KEYS.get(path.type, (_itself, _itself))
        known = lru_cache(1024)(lambda key: slowly(made_of(key)))

        def entry_of(held: Any) -> _Entry:
            try:
                return known(key_of(held))
            except (AttributeError, TypeError):  # another shape than the type has: nothing to remember it by
                return slowly(held)

    def read(held: Any, found: Collector) -> None:
        entry = entry_of(held)
        found.terms += entry.terms
        found.texts += entry.texts
        if entry.sorted_by is not None:
            found.sort_by_text(codes, *entry.sorted_by)
        if path.type == "Identifier":
            for part in _of_type(held):
                found.terms += [of_type_term(resource_type, name, *part) for name in codes]

    return read


def presence_reader(resource_type: str, parameter: IndexedParameter) -> Reader:
    """Reads a resource for a parameter that asks whether something is there, and has a value for every resource."""

    def read(resource: Any, found: Collector) -> None:
        present = "true" if parameter.expression.is_present(resource) else "false"
        found.terms.append(presence_term(resource_type, parameter.code))
        found.terms += token_terms(resource_type, parameter.code, None, present)
        found.sort_by_text((parameter.code,), present, present)

    return read


def mime_ranges(code: str) -> tuple[str, ...]:
    """What a MIME type is a kind of: itself, without parameters, and all of its main type (TOK-7)."""
    bare = code.partition(";")[0].strip()
    return tuple(dict.fromkeys((code, bare, bare.partition("/")[0])))


def holds_mime_types(path: Path) -> bool:
    return path.value_set == _MIME_TYPES


def token_terms(resource_type: str, parameter: str, system: str | None, code: str | None) -> Iterator[str]:
    """The terms of one code: in any system, in its own or none, and any code of its system."""
    if code is not None:
        yield code_term(resource_type, parameter, code)
        yield token_term(resource_type, parameter, system, code)
    if system is not None:
        yield system_term(resource_type, parameter, system)


def pairs_reader(path: Path) -> Callable[[Any], list[Pair]]:
    """Reads system and code of a value at this path. A code of a required value set has the system that defines it,
    and is found without it too (search.html#token)."""
    if path.type != "code" or not path.value_set:
        return _PAIRS.get(path.type, _no_pairs)
    systems = _systems(path.value_set)

    def read(held: Any) -> list[Pair]:
        pairs = _of_text(held)
        return [*pairs, (systems[held], held)] if pairs and held in systems else pairs

    return read


def has_tokens(fhir_type: str) -> bool:
    """Whether a token parameter can read values of this type."""
    return fhir_type in _PAIRS


@lru_cache(256)
def _systems(value_set: str) -> dict[str, str]:
    listed = required_codes(value_set) or {}
    return {code: system for system, codes in listed.items() for code in codes}


def _no_pairs(_held: Any) -> list[Pair]:
    return []


def _of_text(held: Any) -> list[Pair]:
    return [(None, held)] if isinstance(held, str) and held else []


def _of_boolean(held: Any) -> list[Pair]:
    return [(None, "true" if held else "false")] if isinstance(held, bool) else []


def _of_coding(held: Any) -> list[Pair]:
    return _pair(held.get("system"), held.get("code")) if isinstance(held, dict) else []


def _of_concept(held: Any) -> list[Pair]:
    codings = held.get("coding") if isinstance(held, dict) else None
    return [pair for coding in codings for pair in _of_coding(coding)] if isinstance(codings, list) else []


def _of_identifier(held: Any) -> list[Pair]:
    return _pair(held.get("system"), held.get("value")) if isinstance(held, dict) else []


def _of_contact(held: Any) -> list[Pair]:
    return _pair(None, held.get("value")) if isinstance(held, dict) else []


def _pair(system: object, code: object) -> list[Pair]:
    system = system if isinstance(system, str) and system else None
    code = code if isinstance(code, str) and code else None
    return [] if system is None and code is None else [(system, code)]


_PAIRS: dict[str, Callable[[Any], list[Pair]]] = {
    **dict.fromkeys(("code", "id", "string", "uri", "url", "canonical", "oid", "uuid"), _of_text),
    "boolean": _of_boolean,
    "Coding": _of_coding,
    "CodeableConcept": _of_concept,
    "Identifier": _of_identifier,
    "ContactPoint": _of_contact,
}
identifier_pairs = _of_identifier
"""System and value of an Identifier."""


def _no_texts(_held: Any) -> Iterable[str]:
    return ()


def _texts_of_coding(held: Any) -> Iterable[str]:
    return _strings(held.get("display")) if isinstance(held, dict) else ()


def _texts_of_concept(held: Any) -> Iterable[str]:
    if not isinstance(held, dict):
        return ()
    codings = held.get("coding")
    texts = _strings(held.get("text"))
    if isinstance(codings, list):
        for coding in codings:
            texts += _texts_of_coding(coding)
    return texts


def _texts_of_identifier(held: Any) -> Iterable[str]:
    kind = held.get("type") if isinstance(held, dict) else None
    return _strings(kind.get("text")) if isinstance(kind, dict) else ()


def _strings(held: Any) -> list[str]:
    return [held] if isinstance(held, str) and held else []


_TEXTS: dict[str, Callable[[Any], Iterable[str]]] = {
    "Coding": _texts_of_coding,
    "CodeableConcept": _texts_of_concept,
    "Identifier": _texts_of_identifier,
}


def _of_type(held: Any) -> Iterator[tuple[str, str, str]]:
    value = held.get("value") if isinstance(held, dict) else None
    if isinstance(value, str):
        for system, code in _of_concept(held.get("type")):
            if system is not None and code is not None:
                yield system, code, value
