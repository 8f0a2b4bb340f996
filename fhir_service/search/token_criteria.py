"""Token parameters: codes, identifiers, flags (rest-rules TOK-1 to TOK-8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fhir_service.search import terms
from fhir_service.search.criteria import AnyCriterion, HasTerm, HasText, Not
from fhir_service.search.parameters import IndexedParameter
from fhir_service.search.query_faults import invalid, too_costly, unsupported, unsupported_modifier
from fhir_service.search.query_text import split, unescaped
from fhir_service.search.reading import MAX_CODES, Reading
from fhir_service.search.reference_values import normal_reference
from fhir_service.search.string_criteria import searched
from fhir_service.search.token_values import holds_mime_types, mime_ranges
from fhir_service.search.value_sets import Terminology

_CODED = frozenset({"Coding", "CodeableConcept", "code"})
_HIERARCHY = frozenset({"above", "below"})
_HOLDERS = {
    "text": frozenset({"Coding", "CodeableConcept", "Identifier"}),
    "of-type": frozenset({"Identifier"}),
    **dict.fromkeys(("in", "not-in", "above", "below"), _CODED),
}
"""The FHIR types that a modifier has a meaning for; for any other modifier it is every type."""


def token_criterion(
    reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]
) -> AnyCriterion:
    """Raises InvalidParameter, UnsupportedParameter, TooCostly."""
    if modifier not in token_modifiers(parameter):
        raise unsupported_modifier(parameter.code, modifier)
    if modifier in _HIERARCHY and any(holds_mime_types(path) for path in parameter.expression.paths):
        return _mime_types(resource_type, parameter.code, modifier, values)
    return _MODIFIERS[modifier](reading, resource_type, parameter.code, values)


def token_modifiers(parameter: IndexedParameter) -> tuple[str, ...]:
    """The modifiers it takes, with "" for none."""
    types = {path.type for path in parameter.expression.paths}
    held = frozenset() if parameter.expression.presence else types
    return tuple(name for name in _MODIFIERS if name not in _HOLDERS or held & _HOLDERS[name])


def token_term(resource_type: str, name: str, text: str, parameter: str = "") -> str:
    """`code`, `system|code`, `|code` or `system|`. `parameter` is what its sender calls it. Raises InvalidParameter."""
    parts = [unescaped(part) for part in split(text, "|")]
    match parts:
        case [code] if code:
            return terms.code_term(resource_type, name, code)
        case [system, ""] if system:
            return terms.system_term(resource_type, name, system)
        case [system, code] if code:
            return terms.token_term(resource_type, name, system or None, code)
    raise invalid(parameter or name, f"'{text}' is not code, system|code, |code or system|")


def _any_of(_reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> HasTerm:
    return HasTerm(tuple(token_term(resource_type, name, value) for value in values))


def _mime_types(resource_type: str, name: str, modifier: str, values: Sequence[str]) -> HasTerm:
    """`image`, `image/` and `image/*` are one range; with `:above` the ranges that a type is in."""
    found: dict[str, None] = {}
    for value in values:
        wanted = unescaped(value).removesuffix("*").removesuffix("/")
        if not wanted or "|" in wanted:
            raise invalid(name, f"'{value}' is not a MIME type such as text/plain, or a main type such as text")
        if modifier == "below":
            found[terms.code_term(resource_type, terms.below_of(name), wanted)] = None
        else:
            found.update((terms.code_term(resource_type, name, each), None) for each in mime_ranges(wanted))
    return HasTerm(tuple(found))


def _not(reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> Not:
    return Not(_any_of(reading, resource_type, name, values))


def _text(_reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> HasText:
    return HasText(terms.text_scope(resource_type, name, "text"), "starts", searched(name, values))


def _of_type(_reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> HasTerm:
    found = []
    for value in values:
        match [unescaped(part) for part in split(value, "|")]:
            case [system, code, held] if system and code and held:
                found.append(terms.of_type_term(resource_type, name, system, code, held))
            case _:
                raise invalid(name, f"'{value}' is not system|code|value, all three parts of it")
    return HasTerm(tuple(found))


def _in(reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> HasTerm:
    terminology = _known(reading, name)
    found: dict[str, None] = {}
    for value in values:
        codes = _members(terminology, unescaped(value), reading.base)
        if codes is None:
            raise invalid(name, f"the value set '{unescaped(value)}' is not known here, or cannot be listed")
        found.update((terms.token_term(resource_type, name, system or None, code), None) for system, code in codes)
    return HasTerm(_bounded(name, found))


def _members(terminology: Terminology, value_set: str, base: str | None) -> frozenset[tuple[str, str]] | None:
    """Of the value set that is at this address, else of the one with this canonical URL, as R4 has it."""
    address = normal_reference(value_set, base) or ""
    there = terminology.codes_in(address)
    return terminology.codes_in(value_set) if there is None else there


def _not_in(reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> Not:
    return Not(_in(reading, resource_type, name, values))


def _below(reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> HasTerm:
    return _related(_known(reading, name).descendants, resource_type, name, values)


def _above(reading: Reading, resource_type: str, name: str, values: Sequence[str]) -> HasTerm:
    return _related(_known(reading, name).ancestors, resource_type, name, values)


def _related(
    relatives: Callable[[str, str], frozenset[str] | None], resource_type: str, name: str, values: Sequence[str]
) -> HasTerm:
    found: dict[str, None] = {}
    for value in values:
        match [unescaped(part) for part in split(value, "|")]:
            case [system, code] if system and code:
                codes = relatives(system, code)
            case _:
                raise invalid(
                    name, f"'{value}' is not system|code: without its system nobody knows what a code is a kind of"
                )
        if codes is None:
            raise unsupported(name, f"the code system '{system}' has no hierarchy that is known here, or no such code")
        found.update((terms.token_term(resource_type, name, system, each), None) for each in sorted(codes))
    return HasTerm(_bounded(name, found))


def _known(reading: Reading, name: str) -> Terminology:
    if reading.terminology is None:
        raise unsupported(name, "no terminology is known here")
    return reading.terminology


def _bounded(name: str, found: dict[str, None]) -> tuple[str, ...]:
    if len(found) > MAX_CODES:
        raise too_costly(name, f"it stands for {len(found)} codes; at most {MAX_CODES} are searched at once")
    return tuple(found)


_MODIFIERS: dict[str, Callable[[Reading, str, str, Sequence[str]], AnyCriterion]] = {
    "": _any_of,
    "not": _not,
    "text": _text,
    "in": _in,
    "not-in": _not_in,
    "below": _below,
    "above": _above,
    "of-type": _of_type,
}
