"""Query string to typed query: what the caller asks for, what was applied, and what was not understood.

A parameter this server does not know is kept in `ignored`, so that the API can say so or refuse; it is never dropped in
silence (rest-rules ERR-1). A modifier it does not know is refused (ERR-2), a value that cannot be read as well (ERR-3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from fhir_service.fhir.errors import Issue, UnsupportedParameter
from fhir_service.search.criteria import (
    AnyCriterion,
    HasTerm,
    IdCriterion,
    Include,
    LastUpdatedCriterion,
    SortKey,
)
from fhir_service.search.cursor import CURSOR, Cursor
from fhir_service.search.dates import Range
from fhir_service.search.parameters import INDEXED_TYPES, IndexedParameter, indexed_parameters
from fhir_service.search.query_text import split, unescaped
from fhir_service.search.query_values import (
    invalid,
    reference_terms,
    token_term,
    unsupported_modifier,
    wanted_instants,
)
from fhir_service.search.value_sets import Terminology

__all__ = ["CURSOR", "Cursor", "Query", "TypeSearch", "parse_query", "search_parameters"]
DEFAULT_COUNT = 50
MAX_COUNT = 1000
_PRESENTATION = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class TypeSearch:
    """A search in one resource type: what meets all criteria, in this order and then in that of resource keys."""

    resource_type: str
    criteria: tuple[AnyCriterion, ...] = ()
    sort: tuple[SortKey, ...] = ()


class BareId(NamedTuple):
    """An id without type where several types may be meant; it is ambiguous if more than one has it (REF-2)."""

    parameter: str
    id: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search: what meets any of `searches`, one for each type; all of them have the same sort keys.

    `applied` holds the parameters that were used, as they came (rest-rules SRC-6).
    """

    searches: tuple[TypeSearch, ...]
    count: int = DEFAULT_COUNT
    after: Cursor | None = None
    count_only: bool = False
    total: str | None = None
    includes: tuple[Include, ...] = ()
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[Issue, ...] = ()
    summary: Literal["", "true", "text", "data"] = ""
    elements: tuple[str, ...] = ()
    bare_ids: tuple[BareId, ...] = ()

    @property
    def sort(self) -> tuple[SortKey, ...]:
        """The sort keys of all searches."""
        return self.searches[0].sort if self.searches else ()

    @property
    def resource_type(self) -> str:
        """The type of the first search."""
        return self.searches[0].resource_type

    @property
    def criteria(self) -> tuple[AnyCriterion, ...]:
        """The criteria of the first search."""
        return self.searches[0].criteria

    @property
    def indexed(self) -> tuple[HasTerm, ...]:
        return tuple(criterion for criterion in self.criteria if isinstance(criterion, HasTerm))


@dataclass(slots=True)
class _Reading:
    """A query while its parameters are read."""

    resource_type: str
    base: str | None
    count: int
    max_count: int
    criteria: list[AnyCriterion] = field(default_factory=list)
    applied: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[Issue] = field(default_factory=list)
    after: str = ""
    count_only: bool = False
    total: str | None = None


def parse_query(
    resource_types: str | Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    base: str | None = None,
    terminology: Terminology | None = None,  # noqa: ARG001  # the modifiers that need it are read next
    default_count: int = DEFAULT_COUNT,
    max_count: int = MAX_COUNT,
) -> Query:
    """Read the parameters of one search, percent-decoding done. `base` is the address of this server, under which an
    absolute reference means a resource of its own. A `_count` over `max_count` means `max_count`.

    Raises InvalidParameter for a value that cannot be read and UnsupportedParameter for a modifier that is not
    supported; both name the parameter.
    """
    resource_type = resource_types if isinstance(resource_types, str) else resource_types[0]
    reading = _Reading(resource_type, base, default_count, max_count)
    for name, value in pairs:
        _read(reading, name, value)
    search = TypeSearch(resource_type, tuple(reading.criteria))
    return Query(
        (search,),
        reading.count,
        Cursor.read(reading.after, search.sort) if reading.after else None,
        reading.count_only,
        reading.total,
        applied=tuple(reading.applied),
        ignored=tuple(reading.ignored),
    )


def search_parameters(resource_type: str) -> tuple[tuple[str, str], ...]:
    """Name and search type of every parameter that is supported for the type, for the CapabilityStatement."""
    known = indexed_parameters(resource_type)
    found = {code: entry.type for code, entry in known.items() if entry.type in _READERS}
    return tuple(sorted({"_id": "token", "_lastUpdated": "date", **found}.items()))


def _read(reading: _Reading, name: str, value: str) -> None:
    code, _, modifier = name.partition(":")
    if code in _PRESENTATION:
        return
    if not value.strip():
        reading.ignored.append(_ignored(name, "it has no value"))
    elif code == "_query":
        raise UnsupportedParameter("_query names an operation that is not offered here", expression=("http._query",))
    elif code in _CONTROLS:
        if modifier:
            raise unsupported_modifier(code, modifier)
        if _CONTROLS[code](reading, value):
            reading.applied.append((name, value))
    else:
        _read_criterion(reading, code, modifier, value)


def _read_criterion(reading: _Reading, code: str, modifier: str, value: str) -> None:
    name = f"{code}:{modifier}" if modifier else code
    alternatives = [part for part in split(value, ",") if part.strip()]
    parameter = indexed_parameters(reading.resource_type).get(code)
    if not alternatives:
        raise invalid(name, f"'{value}' holds no value")
    if code in ("_id", "_lastUpdated"):
        if modifier:
            raise unsupported_modifier(code, modifier)
        if code == "_id":
            reading.criteria.append(IdCriterion(tuple(unescaped(part) for part in alternatives)))
        else:
            ranges: list[Range] = [found for part in alternatives for found in wanted_instants(code, part)]
            reading.criteria.append(LastUpdatedCriterion(tuple(ranges)))
    elif parameter is None or parameter.type not in _READERS:
        reading.ignored.append(_ignored(name, f"it is not supported for {reading.resource_type}"))
        return
    else:
        reading.criteria.append(_READERS[parameter.type](reading, parameter, modifier, alternatives))
    reading.applied.append((name, value))


def _tokens(reading: _Reading, parameter: IndexedParameter, modifier: str, alternatives: Sequence[str]) -> HasTerm:
    if modifier:
        raise unsupported_modifier(parameter.code, modifier)
    return HasTerm(tuple(token_term(reading.resource_type, parameter.code, part) for part in alternatives))


def _references(reading: _Reading, parameter: IndexedParameter, modifier: str, alternatives: Sequence[str]) -> HasTerm:
    return reference_terms(reading.resource_type, parameter, modifier, alternatives, reading.base)


def _count(reading: _Reading, value: str) -> bool:
    if not value.isascii() or not value.isdigit():
        raise invalid("_count", f"'{value[:40]}' is not a whole number from 0 up")
    number = int(value[:12])
    reading.count = min(number, reading.max_count) or reading.count
    reading.count_only = reading.count_only or number == 0
    return True


def _summary(reading: _Reading, value: str) -> bool:
    if value == "count":
        reading.count_only = True
    elif value in ("true", "text", "data"):
        reading.ignored.append(_ignored("_summary", f"{value} is not supported; whole resources are sent"))
        return False
    elif value != "false":
        raise invalid("_summary", f"'{value[:40]}' is not count, false, true, text or data")
    return True


def _total(reading: _Reading, value: str) -> bool:
    if value not in ("none", "estimate", "accurate"):
        raise invalid("_total", f"'{value[:40]}' is not none, estimate or accurate")
    reading.total = value
    return True


def _cursor(reading: _Reading, value: str) -> bool:
    reading.after = value
    return True


def _ignored(name: str, why: str) -> Issue:
    return Issue("warning", "not-supported", f"{name} was not applied: {why}", (f"http.{name}",))


_READERS = {"token": _tokens, "reference": _references}
_CONTROLS = {"_count": _count, "_summary": _summary, "_total": _total, CURSOR: _cursor}
assert set(_READERS) < INDEXED_TYPES  # noqa: S101  # what is read must be indexed
