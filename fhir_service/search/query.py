"""Query string to typed query: what the caller asks for, what was applied, and what was not understood.

A parameter this server does not know is kept in `ignored`, so that the API can say so or refuse; it is never dropped in
silence (rest-rules ERR-1). A modifier it does not know is refused (ERR-2), a value that cannot be read as well (ERR-3).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fhir_service.fhir.errors import InvalidParameter, Issue, TooCostly, UnsupportedParameter
from fhir_service.search.compartment import compartment_criterion
from fhir_service.search.criteria import AnyCriterion, Include, SortKey
from fhir_service.search.criterion import read_criterion
from fhir_service.search.cursor import CURSOR, Cursor
from fhir_service.search.filter_criteria import filter_criterion
from fhir_service.search.filter_syntax import NAME as FILTER
from fhir_service.search.query_faults import (
    NotKnown,
    expression,
    ignored,
    invalid,
    shown,
    unsupported,
    unsupported_modifier,
)
from fhir_service.search.reading import BareId, Reading
from fhir_service.search.result_parameters import ONCE, RESULT_PARAMETERS, ResultParameters, Summary
from fhir_service.search.value_sets import Terminology

__all__ = ["CURSOR", "BareId", "Cursor", "Query", "TypeSearch", "parse_query"]
DEFAULT_COUNT = 50
MAX_COUNT = 1000
NO_VALUE = "informational"
"""The issue code of a parameter without a value, which nobody has to refuse (rest-rules ERR-4)."""
Pair = tuple[str, str]
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TypeSearch:
    """A search in one resource type: what meets all criteria, in this order and then in that of resource keys."""

    resource_type: str
    criteria: tuple[AnyCriterion, ...] = ()
    sort: tuple[SortKey, ...] = ()


class IncludeExtent(NamedTuple):
    """How much one page brings along: resources, and what goes beyond is left out and said to be; rounds of
    `:iterate`."""

    most: int = 1000
    rounds: int = 5


_USUAL = IncludeExtent()
MOST_BYTES = 64 * 1024 * 1024
"""Of the resources on one page."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search: what meets any of `searches`, one for each type; all of them have the same sort keys.

    `applied` holds the parameters that were used, as they were used (rest-rules SRC-6).
    """

    searches: tuple[TypeSearch, ...]
    count: int = DEFAULT_COUNT
    after: Cursor | None = None
    count_only: bool = False
    total: str | None = None
    includes: tuple[Include, ...] = ()
    applied: tuple[Pair, ...] = ()
    ignored: tuple[Issue, ...] = ()
    summary: Summary = ""
    elements: tuple[str, ...] = ()
    bare_ids: tuple[BareId, ...] = ()
    extent: IncludeExtent = _USUAL
    most_bytes: int = MOST_BYTES

    @property
    def sort(self) -> tuple[SortKey, ...]:
        """The sort keys of all searches."""
        return self.searches[0].sort if self.searches else ()

    @property
    def criteria(self) -> tuple[AnyCriterion, ...]:
        """The criteria of all searches, one after the other."""
        return tuple(criterion for search in self.searches for criterion in search.criteria)


@dataclass(slots=True)
class _Types:
    """The types that are searched, each with its own reading and its criteria so far."""

    readings: dict[str, Reading]
    criteria: dict[str, list[AnyCriterion]] = field(default_factory=dict)

    def read(self, name: str, value: str) -> None:
        """Raises NotKnown where no type has the parameter, UnsupportedParameter where only some have it (SRC-2)."""
        unknown: list[tuple[str, NotKnown]] = []
        for kind, reading in self.readings.items():
            try:
                self.criteria[kind].append(_criterion(reading, kind, name, value))
            except NotKnown as fault:
                unknown.append((kind, fault))
        if unknown and len(unknown) < len(self.readings):
            raise unsupported(
                name, f"{unknown[0][0]} has no such parameter; it must be common to all types of a search"
            )
        if unknown:
            raise unknown[0][1]


def parse_query(
    resource_types: str | Sequence[str],
    pairs: Sequence[Pair],
    *,
    base: str | None = None,
    terminology: Terminology | None = None,
    served: frozenset[str] | None = None,
    default_count: int = DEFAULT_COUNT,
    max_count: int = MAX_COUNT,
    compartment: tuple[str, str] | None = None,
    now: int | None = None,
) -> Query:
    """Read the parameters of one search in these types, percent-decoding done.

    `base` is the address of this server, under which an absolute reference means a resource of its own; `served` are
    all types that it has (None: those of R4), `compartment` the type and id of the one to stay in. A `_count` over
    `max_count` means `max_count`. `now`, in milliseconds, is what `ap` measures nearness from.

    Raises InvalidParameter for a value that cannot be read, UnsupportedParameter for a modifier that is not supported,
    TooCostly for a search that is too large; all name the parameter.
    """
    _check_characters(pairs)
    named = (resource_types,) if isinstance(resource_types, str) else tuple(resource_types)
    moment = time.time_ns() // 1_000_000 if now is None else now
    within = _within(compartment, _narrowed(named, pairs))
    types = _Types({kind: Reading(base, terminology, served, moment) for kind in within}, within)
    result = ResultParameters(tuple(within), min(default_count, max_count), max_count)
    applied: list[Pair] = []
    for name, value in pairs:
        try:
            used = _read(types, result, name, value)
        except NotKnown as fault:
            result.ignored.append(ignored(name, str(fault)))
        else:
            applied = [pair for pair in applied if name not in ONCE or pair[0] != name]
            applied += [(name, used)] if used else []
    sort = tuple(result.sort)
    if result.summary == "text" and result.includes:
        raise invalid("_summary", "text does not go with _include or _revinclude")
    return Query(
        tuple(TypeSearch(kind, tuple(criteria), sort) for kind, criteria in types.criteria.items()),
        result.count,
        Cursor.read(result.cursor, sort) if result.cursor else None,
        result.count_only,
        result.total,
        tuple(dict.fromkeys(result.includes)),
        tuple(applied),
        tuple(result.ignored),
        result.summary,
        result.elements,
        tuple(bare for reading in types.readings.values() for bare in reading.bare_ids),
    )


def _read(types: _Types, result: ResultParameters, name: str, value: str) -> str:
    """The value as it is applied; empty where it has none."""
    code, _, modifier = name.partition(":")
    if not value.strip():
        result.ignored.append(Issue("information", NO_VALUE, f"{name[:80]} has no value", (f"http.{code[:80]}",)))
        return ""
    if code == FILTER and modifier:
        raise unsupported_modifier(code, modifier)
    if code == "_query":
        raise unsupported(name, "it names an operation, and none is offered here")
    if code in RESULT_PARAMETERS:
        return result.read(code, modifier, value)
    if code != "_type":
        types.read(name, value)
    return value


def _criterion(reading: Reading, resource_type: str, name: str, value: str) -> AnyCriterion:
    """What is wrong at the far end of a chain is told of the parameter that was sent."""
    if name == FILTER:
        return filter_criterion(reading, resource_type, value)
    try:
        return read_criterion(reading, resource_type, name, value)
    except (InvalidParameter, UnsupportedParameter, TooCostly) as fault:
        if fault.issues[0].expression == expression(name):
            raise
        raise type(fault)(f"{shown(name)}: {fault}", expression=expression(name)) from None


def _narrowed(types: tuple[str, ...], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """The types that every `_type` names too."""
    for name, value in pairs:
        if name == "_type" and value.strip():
            wanted = {part.strip() for part in value.split(",")}
            if unknown := sorted(wanted.difference(types)):
                raise invalid("_type", f"'{unknown[0][:80]}' is not searched here")
            types = tuple(kind for kind in types if kind in wanted)
    return types


def _within(compartment: tuple[str, str] | None, types: Sequence[str]) -> dict[str, list[AnyCriterion]]:
    """The types that have a part in the compartment, with the criterion of being in it."""
    if compartment is None:
        return {kind: [] for kind in types}
    found = ((kind, compartment_criterion(*compartment, kind)) for kind in types)
    return {kind: [criterion] for kind, criterion in found if criterion is not None}


def _check_characters(pairs: Sequence[Pair]) -> None:
    for name, value in pairs:
        if _NO_TEXT.search(name) or _NO_TEXT.search(value):
            raise invalid(
                name.encode("ascii", "replace").decode().replace("\0", ""), "it holds what is no text in FHIR"
            )
