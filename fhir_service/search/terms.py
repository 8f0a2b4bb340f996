"""Index values and criteria as terms, and terms as 64-bit hashes: what the store indexes and looks up.

A term names the resource type, the parameter and one way to ask for a value, so one look-up answers one alternative.
Codes are compared without case, systems and references exactly (rest-rules TOK-1, TOK-3, REF-1).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from fhir_service.search.index_values import IndexValues, ReferenceValue, TokenValue
from fhir_service.search.parameters import indexed_parameters

_SEPARATOR = "\x1f"
"""No FHIR string may hold it, so no two terms can be written alike."""


@lru_cache(maxsize=65536)
def hash_of(term: str) -> int:
    """The signed 64-bit hash of a term; the same in every process and release."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "big", signed=True)


def hashes_of(values: IndexValues) -> tuple[int, ...]:
    """The hashes under which a resource is indexed, ascending."""
    kind = values.resource_type
    found = {hash_of(presence_term(kind, parameter)) for parameter in values.parameters}
    for token in values.tokens:
        found.update(_hashes_of_token(kind, token))
    for reference in values.references:
        found.update(_hashes_of_reference(kind, reference))
    return tuple(sorted(found))


def terms_of(values: IndexValues) -> Iterator[str]:
    """Every term of a resource; some repeat."""
    kind = values.resource_type
    for parameter in values.parameters:
        yield presence_term(kind, parameter)
    for token in values.tokens:
        yield from _terms_of_token(kind, token)
    for reference in values.references:
        yield from _terms_of_reference(kind, reference)


def presence_term(resource_type: str, parameter: str) -> str:
    """Some value is there."""
    return _SEPARATOR.join((resource_type, parameter))


def code_term(resource_type: str, parameter: str, code: str) -> str:
    """`code`: in any system or none."""
    return _SEPARATOR.join((resource_type, parameter, "code", code.casefold()))


def token_term(resource_type: str, parameter: str, system: str | None, code: str) -> str:
    """`system|code`, or `|code` where `system` is None."""
    kind = "bare" if system is None else "token"
    return _SEPARATOR.join((resource_type, parameter, kind, system or "", code.casefold()))


def system_term(resource_type: str, parameter: str, system: str) -> str:
    """`system|`: any code of it."""
    return _SEPARATOR.join((resource_type, parameter, "system", system))


def reference_term(resource_type: str, parameter: str, target: str) -> str:
    """`Type/id` or an absolute URL."""
    return _SEPARATOR.join((resource_type, parameter, "reference", target))


def id_term(resource_type: str, parameter: str, target_id: str) -> str:
    """A bare id of any type, where a parameter points at many."""
    return _SEPARATOR.join((resource_type, parameter, "id", target_id))


@lru_cache(maxsize=16384)
def _hashes_of_token(kind: str, value: TokenValue) -> tuple[int, ...]:
    return tuple(hash_of(term) for term in _terms_of_token(kind, value))


@lru_cache(maxsize=16384)
def _hashes_of_reference(kind: str, value: ReferenceValue) -> tuple[int, ...]:
    return tuple(hash_of(term) for term in _terms_of_reference(kind, value))


def _terms_of_token(kind: str, value: TokenValue) -> Iterator[str]:
    if value.code is not None:
        yield code_term(kind, value.parameter, value.code)
        yield token_term(kind, value.parameter, value.system, value.code)
    if value.system is not None:
        yield system_term(kind, value.parameter, value.system)


def _terms_of_reference(kind: str, value: ReferenceValue) -> Iterator[str]:
    yield reference_term(kind, value.parameter, value.target)
    if not indexed_parameters(kind)[value.parameter].any_target:
        return
    target_type, _, target_id = value.target.partition("/")
    if target_type.isalpha() and target_id and "/" not in target_id:
        yield id_term(kind, value.parameter, target_id)
