"""Composite parameters: two values on one element, joined by `$` (rest-rules CMP-1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fhir_service.search import terms
from fhir_service.search.criteria import AnyCriterion, AnyOf, HasTerm, HasText
from fhir_service.search.interval_criteria import INTERVALS, joined
from fhir_service.search.parameters import IndexedParameter
from fhir_service.search.query_faults import invalid, unsupported_modifier
from fhir_service.search.query_text import split
from fhir_service.search.reading import Reading
from fhir_service.search.reference_criteria import reference_terms
from fhir_service.search.string_criteria import searched
from fhir_service.search.token_criteria import token_term


def composite_criterion(
    reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]
) -> AnyCriterion:
    """Raises InvalidParameter, UnsupportedParameter."""
    if modifier:
        raise unsupported_modifier(parameter.code, modifier)
    found = [_one(reading, resource_type, parameter, value) for value in values]
    return found[0] if len(found) == 1 else AnyOf(tuple(found))


def _one(reading: Reading, resource_type: str, parameter: IndexedParameter, value: str) -> AnyCriterion:
    parts = split(value, "$")
    if len(parts) != len(parameter.components) or not all(part.strip() for part in parts):
        names = "$".join(component.code for component in parameter.components)
        raise invalid(parameter.code, f"'{value}' is not {names}")
    first = _token(resource_type, parameter, parts[0])
    return _SECONDS[parameter.components[1].type](reading, resource_type, parameter, first, parts[1])


def _token(resource_type: str, parameter: IndexedParameter, text: str) -> str:
    if split(text, "|")[1:] == [""]:
        raise invalid(parameter.code, f"'{text}' names a system without a code, which a composite does not search for")
    return token_term(resource_type, parameter.code, text)


def _tokens(_: Reading, resource_type: str, parameter: IndexedParameter, first: str, text: str) -> AnyCriterion:
    return HasTerm((terms.composite_term(first, _token(resource_type, parameter, text)),))


def _references(
    reading: Reading, resource_type: str, parameter: IndexedParameter, first: str, text: str
) -> AnyCriterion:
    second = replace(parameter.components[1], code=parameter.code, indexed_as=parameter.code)
    wanted = reference_terms(reading, resource_type, second, "", text)
    return HasTerm(tuple(terms.composite_term(first, term) for term in wanted))


def _strings(_: Reading, resource_type: str, parameter: IndexedParameter, first: str, text: str) -> AnyCriterion:
    scope = terms.text_scope(resource_type, parameter.code, "string")
    return HasText(terms.composite_scope(first, scope), "starts", searched(parameter.code, [text]))


def _intervals(
    reading: Reading, resource_type: str, parameter: IndexedParameter, first: str, text: str
) -> AnyCriterion:
    wanted = INTERVALS[parameter.components[1].type](reading, parameter.code, text)

    def scope_of(unit: str) -> str:
        return terms.composite_scope(first, terms.interval_scope(resource_type, parameter.code, unit))

    return joined([wanted], scope_of)


_SECONDS: dict[str, Callable[[Reading, str, IndexedParameter, str, str], AnyCriterion]] = {
    "token": _tokens,
    "reference": _references,
    "string": _strings,
    **dict.fromkeys(INTERVALS, _intervals),
}
