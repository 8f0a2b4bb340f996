"""What composite parameters find: two values on one element, the second under a term of the first (CMP-1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fhir_service.search.collector import Collector, Reader, TextValue, intervals
from fhir_service.search.dates import ranges
from fhir_service.search.expressions import Path
from fhir_service.search.link_values import local_target
from fhir_service.search.number_values import measures
from fhir_service.search.reference_values import normal_reference
from fhir_service.search.terms import (
    code_term,
    composite_scope,
    composite_term,
    id_term,
    interval_scope,
    reference_term,
    text_scope,
    token_term,
)
from fhir_service.search.text_folding import folded_forms
from fhir_service.search.token_values import Pair, pairs_reader

if TYPE_CHECKING:
    from fhir_service.search.parameters import CompositeElement, IndexedParameter

FIRST_TYPES = frozenset({"token"})
SECOND_TYPES = frozenset({"token", "reference", "date", "number", "quantity", "string"})
_Firsts = tuple[tuple[str, ...], ...]
"""The terms of a first component, for each of the parameters that read it."""
_Second = Callable[[Any, _Firsts, Collector], None]


def composite_reader(resource_type: str, parameters: Sequence[IndexedParameter], element: CompositeElement) -> Reader:
    """Reads one element that holds both components, for the parameters that share it. A component is found by `code`,
    `system|code` and `|code`, not by `system|` alone."""
    codes = [one.code for one in parameters]
    firsts = [(path, pairs_reader(path)) for path in element.firsts]
    make = _SECONDS[parameters[0].components[1].type]
    seconds = [(path, make(resource_type, codes, path)) for path in element.seconds]
    needed = frozenset(path.steps[0].member for path in element.seconds)

    @lru_cache(1024)
    def first_terms(pairs: tuple[Pair, ...]) -> _Firsts:
        return tuple(
            tuple(dict.fromkeys(term for pair in pairs for term in _token_terms(resource_type, code, *pair)))
            for code in codes
        )

    def read(held: Any, found: Collector) -> None:
        if not isinstance(held, dict) or needed.isdisjoint(held):
            return
        pairs = tuple([pair for path, pairs_of in firsts for one in path.held(held) for pair in pairs_of(one)])
        if not pairs:
            return
        terms = first_terms(pairs)
        for path, add in seconds:
            for one in path.held(held):
                add(one, terms, found)

    return read


def _token_terms(resource_type: str, parameter: str, system: str | None, code: str | None) -> Iterator[str]:
    if code is not None:
        yield code_term(resource_type, parameter, code)
        yield token_term(resource_type, parameter, system, code)


def _tokens(resource_type: str, codes: Sequence[str], path: Path) -> _Second:
    pairs_of = pairs_reader(path)

    def add(held: Any, firsts: _Firsts, found: Collector) -> None:
        for pair in pairs_of(held):
            for code, terms in zip(codes, firsts, strict=True):
                seconds = list(_token_terms(resource_type, code, *pair))
                found.terms += [composite_term(first, second) for first in terms for second in seconds]

    return add


def _references(resource_type: str, codes: Sequence[str], _path: Path) -> _Second:
    def add(held: Any, firsts: _Firsts, found: Collector) -> None:
        address = held.get("reference") if isinstance(held, dict) else held
        target = normal_reference(address, found.base) if isinstance(address, str) else None
        if target is None:
            return
        local = local_target(target)
        for code, terms in zip(codes, firsts, strict=True):
            seconds = [reference_term(resource_type, code, target)]
            if local is not None:
                seconds.append(id_term(resource_type, code, local[1]))
            found.terms += [composite_term(first, second) for first in terms for second in seconds]

    return add


def _numbers(resource_type: str, codes: Sequence[str], path: Path) -> _Second:
    @lru_cache(2048)
    def scopes_of(firsts: _Firsts, units: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        return tuple(_scopes(firsts, [interval_scope(resource_type, code, unit) for code in codes]) for unit in units)

    def add(held: Any, firsts: _Firsts, found: Collector) -> None:
        units, spans = measures(path.type, held)
        if units:
            for scopes, (low, high) in zip(scopes_of(firsts, units), spans, strict=True):
                found.numbers += intervals(scopes, low, high)

    return add


def _dates(resource_type: str, codes: Sequence[str], path: Path) -> _Second:
    seconds = [interval_scope(resource_type, code) for code in codes]

    def add(held: Any, firsts: _Firsts, found: Collector) -> None:
        for low, high in ranges(path.type, held):
            found.dates += intervals(_scopes(firsts, seconds), low, high)

    return add


def _strings(resource_type: str, codes: Sequence[str], _path: Path) -> _Second:
    seconds = [text_scope(resource_type, code, "string") for code in codes]

    def add(held: Any, firsts: _Firsts, found: Collector) -> None:
        for form in folded_forms(held) if isinstance(held, str) else ():
            found.texts += [TextValue(scope, form) for scope in _scopes(firsts, seconds) if form]

    return add


def _scopes(firsts: _Firsts, seconds: Sequence[str]) -> tuple[str, ...]:
    return tuple(composite_scope(one, second) for terms, second in zip(firsts, seconds, strict=True) for one in terms)


_SECONDS: dict[str, Callable[[str, Sequence[str], Path], _Second]] = {
    "token": _tokens,
    "reference": _references,
    "date": _dates,
    "number": _numbers,
    "quantity": _numbers,
    "string": _strings,
}
assert set(_SECONDS) == SECOND_TYPES  # noqa: S101  # a component of any other type is not offered
