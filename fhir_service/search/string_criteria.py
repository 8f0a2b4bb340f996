"""String and uri parameters (rest-rules STR-1, STR-2, URI-1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhir_service.search import terms
from fhir_service.search.criteria import AllOf, AnyCriterion, AnyOf, HasTerm, HasText
from fhir_service.search.parameters import IndexedParameter
from fhir_service.search.query_faults import invalid, too_costly, unsupported_modifier
from fhir_service.search.query_text import unescaped
from fhir_service.search.reading import Reading
from fhir_service.search.text_folding import folded, sounds

STRING_MODIFIERS = ("", "exact", "contains")
URI_MODIFIERS = ("", "below", "above")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_LONGEST_ABOVE = 500
"""Characters of a URL whose beginnings are looked for, one by one."""


def string_criterion(
    _reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]
) -> AnyCriterion:
    """Starts with, is exactly, or contains one of the values. Raises InvalidParameter, UnsupportedParameter."""
    name = parameter.code
    if modifier not in string_modifiers(parameter):
        raise unsupported_modifier(name, modifier)
    if modifier == "exact":
        return HasTerm(tuple(terms.exact_term(resource_type, name, unescaped(value)) for value in values))
    scope = terms.text_scope(resource_type, name, "string")
    if parameter.by_sound:
        return AnyOf(tuple(_alike(scope, name, value) for value in values))
    return HasText(scope, "contains" if modifier else "starts", searched(name, values))


def string_modifiers(parameter: IndexedParameter) -> tuple[str, ...]:
    return ("",) if parameter.by_sound else STRING_MODIFIERS


def searched(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Texts as they are stored. Raises InvalidParameter for one of which nothing is left: it would find everything."""
    found = []
    for value in values:
        text = folded(unescaped(value))
        if not text:
            raise invalid(name, f"'{value}' has no letter or digit to search for")
        found.append(text)
    return tuple(dict.fromkeys(found))


def _alike(scope: str, name: str, value: str) -> AllOf:
    heard = sounds(unescaped(value))
    if not heard:
        raise invalid(name, f"'{value}' has no letter or digit to search for")
    return AllOf(tuple(HasText(scope, "is", (sound,)) for sound in heard))


def uri_criterion(
    _reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]
) -> AnyCriterion:
    """Is one of the values; is below or above one of them. Raises InvalidParameter, UnsupportedParameter, TooCostly."""
    name = parameter.code
    uris = [unescaped(value) for value in values]
    if modifier not in URI_MODIFIERS:
        raise unsupported_modifier(name, modifier)
    if modifier and (other := next((uri for uri in uris if not _URL.match(uri)), None)):
        raise invalid(name, f"'{other}' is no URL, so nothing is above or below it")
    if modifier == "below":
        return HasText(terms.text_scope(resource_type, name, "uri"), "starts", tuple(uris))
    if modifier == "above":
        uris = [beginning for uri in uris for beginning in _beginnings(name, uri)]
    return HasTerm(tuple(dict.fromkeys(terms.uri_term(resource_type, name, uri) for uri in uris)))


def _beginnings(name: str, uri: str) -> list[str]:
    if len(uri) > _LONGEST_ABOVE:
        raise too_costly(name, f"a URL with :above has at most {_LONGEST_ABOVE} characters")
    scheme = uri.index("://") + 3
    return [uri[:end] for end in range(scheme + 1, len(uri) + 1)]
