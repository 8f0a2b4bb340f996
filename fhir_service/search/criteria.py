"""What a search asks for, typed: one class per kind of criterion. Alternatives inside one are OR, criteria are AND."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from fhir_service.search.dates import Range


@dataclass(frozen=True, slots=True)
class IdCriterion:
    """`_id`: one of these, exactly."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastUpdatedCriterion:
    """`_lastUpdated`: the instant lies in one of these ranges."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class HasTerm:
    """It has one of these terms: tokens, references, whole strings and URIs, presence (see `search.terms`).

    `patient` is the id of the one patient it asks for, where only that patient's partition can hold a match.
    """

    terms: tuple[str, ...]
    patient: str | None = None


class Comparison(NamedTuple):
    """A condition on one end of a stored interval."""

    end: Literal["low", "high"]
    operator: Literal["<", "<=", ">", ">="]
    value: float


@dataclass(frozen=True, slots=True)
class HasInterval:
    """It has a date, number or quantity under `scope` that meets all comparisons of one alternative.

    Dates are half-open ranges of milliseconds since 1970 UTC (integers), numbers closed ones of floats. A scope is a
    term that names type, parameter and, where there is one, the unit or the first part of a composite.
    """

    kind: Literal["date", "number"]
    scope: str
    alternatives: tuple[tuple[Comparison, ...], ...]


@dataclass(frozen=True, slots=True)
class HasText:
    """It has a text under `scope` that starts or ends with, contains, or is one of these; folded as what is stored."""

    scope: str
    match: Literal["starts", "contains", "ends", "is"]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasWords:
    """All words of one alternative stand in its narrative, or anywhere in it (`_text`, `_content`)."""

    where: Literal["narrative", "content"]
    alternatives: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PointsAt:
    """Its reference under `scope` (a term of type and parameter) points at a stored resource of `target_type` that
    meets all `criteria` (chaining)."""

    scope: str
    target_type: str
    criteria: tuple[AnyCriterion, ...]


@dataclass(frozen=True, slots=True)
class PointedAtBy:
    """A stored resource of `source_type` that meets all `criteria` points at it under `scope` (`_has`)."""

    scope: str
    source_type: str
    criteria: tuple[AnyCriterion, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    criteria: tuple[AnyCriterion, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these at least; nothing meets an empty one."""

    criteria: tuple[AnyCriterion, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The complement among the resources of its type (`:not`, `:missing=true`, `:not-in`)."""

    criterion: AnyCriterion


AnyCriterion = (
    HasTerm
    | HasInterval
    | HasText
    | HasWords
    | PointsAt
    | PointedAtBy
    | AllOf
    | AnyOf
    | Not
    | IdCriterion
    | LastUpdatedCriterion
)


@dataclass(frozen=True, slots=True)
class SortKey:
    """Ascending by the least value of a parameter, or descending by the greatest; what has none comes last.

    `parameter` is `_id`, `_lastUpdated` or a code that `IndexValues.sort_values` has.
    """

    parameter: str
    kind: Literal["id", "last_updated", "number", "text"]
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` or, with `reverse`, `_revinclude`. `source` and `parameter` may be `*`; without `target` any type.

    The parameter is the one whose links are indexed (`IndexedParameter.indexed_as`), narrowed by `target`.
    """

    source: str
    parameter: str
    target: str = ""
    reverse: bool = False
    iterate: bool = False
