"""What composite parameters find: two values on one element, the second under a term of the first (CMP-1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fhir_service.search.collector import Collector, IntervalValue, Reader, TextValue
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
from fhir_service.search.token_values import pairs_reader

if TYPE_CHECKING:
    from fhir_service.search.parameters import IndexedParameter

FIRST_TYPES = frozenset({"token"})
SECOND_TYPES = frozenset({"token", "reference", "date", "number", "quantity", "string"})
_Second = Callable[[Any, tuple[str, ...], Collector], None]


def composite_reader(
    resource_type: str, parameter: IndexedParameter, firsts: Sequence[Path], seconds: Sequence[Path]
) -> Reader:
    """Reads one element that holds both components; the paths start there. A component is found by `code`,
    `system|code` and `|code`, not by `system|` alone."""
    code = parameter.code
    first_pairs = [(path, pairs_reader(path)) for path in firsts]
    kind = parameter.components[1].type
    readers = [(path, _SECONDS[kind](resource_type, code, path)) for path in seconds]

    @lru_cache(256)
    def first_terms(pairs: tuple[tuple[str | None, str], ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(term for pair in pairs for term in _token_terms(resource_type, code, *pair)))

    needed = frozenset(path.steps[0].member for path in seconds)

    def read(element: Any, found: Collector) -> None:
        if not isinstance(element, dict) or needed.isdisjoint(element):
            return
        pairs = tuple(
            (system, value)
            for path, pairs_of in first_pairs
            for held in path.held(element)
            for system, value in pairs_of(held)
            if value is not None
        )
        if not pairs:
            return
        terms = first_terms(pairs)
        for path, add in readers:
            for held in path.held(element):
                add(held, terms, found)

    return read


def _token_terms(resource_type: str, parameter: str, system: str | None, code: str) -> Iterator[str]:
    yield code_term(resource_type, parameter, code)
    yield token_term(resource_type, parameter, system, code)


def _tokens(resource_type: str, parameter: str, path: Path) -> _Second:
    pairs_of = pairs_reader(path)

    def add(held: Any, firsts: tuple[str, ...], found: Collector) -> None:
        for system, code in pairs_of(held):
            if code is not None:
                seconds = list(_token_terms(resource_type, parameter, system, code))
                found.terms += [composite_term(first, second) for first in firsts for second in seconds]

    return add


def _references(resource_type: str, parameter: str, _path: Path) -> _Second:
    def add(held: Any, firsts: tuple[str, ...], found: Collector) -> None:
        address = held.get("reference") if isinstance(held, dict) else held
        target = normal_reference(address, found.base) if isinstance(address, str) else None
        if target is None:
            return
        local = local_target(target)
        seconds = [reference_term(resource_type, parameter, target)]
        if local is not None:
            seconds.append(id_term(resource_type, parameter, local[1]))
        found.terms += [composite_term(first, second) for first in firsts for second in seconds]

    return add


def _numbers(resource_type: str, parameter: str, path: Path) -> _Second:
    @lru_cache(512)
    def scopes_of(firsts: tuple[str, ...], unit: str) -> tuple[str, ...]:
        scope = interval_scope(resource_type, parameter, unit)
        return tuple(composite_scope(first, scope) for first in firsts)

    def add(held: Any, firsts: tuple[str, ...], found: Collector) -> None:
        for unit, low, high in measures(path.type, held):
            found.numbers += [IntervalValue(scope, low, high) for scope in scopes_of(firsts, unit)]

    return add


def _dates(resource_type: str, parameter: str, path: Path) -> _Second:
    scope = interval_scope(resource_type, parameter)

    def add(held: Any, firsts: tuple[str, ...], found: Collector) -> None:
        for low, high in ranges(path.type, held):
            found.dates += [IntervalValue(composite_scope(first, scope), low, high) for first in firsts]

    return add


def _strings(resource_type: str, parameter: str, _path: Path) -> _Second:
    scope = text_scope(resource_type, parameter, "string")

    def add(held: Any, firsts: tuple[str, ...], found: Collector) -> None:
        text = held if isinstance(held, str) else held.get("text") if isinstance(held, dict) else None
        for form in folded_forms(text) if isinstance(text, str) else ():
            found.texts += [TextValue(composite_scope(first, scope), form) for first in firsts if form]

    return add


_SECONDS: dict[str, Callable[[str, str, Path], _Second]] = {
    "token": _tokens,
    "reference": _references,
    "date": _dates,
    "number": _numbers,
    "quantity": _numbers,
    "string": _strings,
}
assert set(_SECONDS) == SECOND_TYPES  # noqa: S101  # a component of any other type is not offered
