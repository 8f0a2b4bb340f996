"""On SQLite: the keys of the resources that meet a criterion, as a query of their own; and what SQLite says its way."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fhir_service.search.criteria import (
    AnyCriterion,
    AnyOf,
    HasInterval,
    HasTerm,
    HasText,
    HasWords,
    IdCriterion,
    PointedAtBy,
    PointsAt,
)
from fhir_service.search.terms import hash_of
from fhir_service.storage.criteria_sql import Conditions, Subject, flattened, searchable
from fhir_service.storage.index_rows import YEAR, storable
from fhir_service.storage.sql_text import Values, all_of

_NONE = "SELECT 0 AS resource_key WHERE FALSE"
_FEW = 50
"""Hashes that go into a statement one by one; more go as a list, as each number of them is a statement of its own."""
_BEST_FIRST = (IdCriterion, HasTerm, HasWords, HasText, PointsAt, PointedAtBy, HasInterval, AnyOf)
"""What to begin with inside a chain, where nobody counts."""


def is_cheap(criterion: AnyCriterion, *, costly: bool = False) -> bool:
    """Whether the keys of the matches can be had from an index; with `costly` also by reading a part of it whole."""
    match criterion:
        case HasText(match="contains" | "ends"):
            return costly
        case AnyOf(criteria):
            return bool(criteria) and all(is_cheap(one, costly=costly) for one in criteria)
        case PointsAt() | PointedAtBy():
            inner = list(flattened(criterion.criteria))
            return any(is_cheap(one, costly=costly) for one in inner)
        case HasTerm() | HasInterval() | HasText() | HasWords() | IdCriterion():
            return True
    return False


def source(  # noqa: PLR0911  # one for each kind
    criterion: AnyCriterion, resource_type: str, conditions: Conditions, values: Values
) -> str:
    """A query for the `resource_key` of each match; keys may repeat. Only for what `is_cheap`."""
    match criterion:
        case HasTerm():
            hashes = [hash_of(term) for term in criterion.terms]
            return f"SELECT resource_key FROM posting WHERE {_one_of('hash', hashes, values)}"
        case HasInterval(kind="date"):
            return _dates(criterion, conditions, values)
        case HasInterval():
            wanted = [f"v.scope = {values(hash_of(criterion.scope))}", conditions.intervals(criterion, "v")]
            return f"SELECT v.resource_key FROM number_value v WHERE {all_of(wanted)}"
        case HasText():
            wanted = [f"v.scope = {values(hash_of(criterion.scope))}", conditions.texts(criterion, "v")]
            return f"SELECT v.resource_key FROM text_value v WHERE {all_of(wanted)}"
        case HasWords():
            words = searchable(criterion)
            return _matching(criterion.where, words, values) if words else _NONE
        case IdCriterion(ids):
            named = f"NOT deleted AND type = {values(resource_type)} AND id IN ({values.many(map(storable, ids))})"
            return f"SELECT resource_key FROM resource_current WHERE {named}"
        case PointsAt() if conditions.may_find(criterion.target_type):
            return _pointing(criterion, conditions, values)
        case PointedAtBy() if conditions.may_find(criterion.source_type):
            return _pointed_at(criterion, resource_type, conditions, values)
        case AnyOf(criteria) if criteria:
            return " UNION ALL ".join(source(one, resource_type, conditions, values) for one in criteria)
    return _NONE


def _dates(criterion: HasInterval, conditions: Conditions, values: Values) -> str:
    """An index in the order of beginnings says nothing about ends. But what ends behind a moment and is no longer than
    a year begins in the year before, and what is longer has an index by its end."""
    scope = values(hash_of(criterion.scope))
    parts = []
    for alternative in criterion.alternatives:
        wanted = [f"v.scope = {scope}", conditions.interval(criterion, alternative, "v")]
        ends = [one.value for one in alternative if one.end == "high" and one.operator in (">", ">=")]
        if not ends:
            parts.append(f"SELECT v.resource_key FROM date_value v WHERE {all_of(wanted)}")
            continue
        short = [*wanted, f"v.low >= {values(int(max(ends)) - YEAR)}"]
        long = [*wanted, f"v.high - v.low > {YEAR}"]
        parts.append(f"SELECT v.resource_key FROM date_value v WHERE {all_of(short)}")
        source = "SELECT v.resource_key FROM date_value v INDEXED BY date_value_long WHERE"
        parts.append(f"{source} {all_of(long)}")
    return " UNION ALL ".join(parts) or _NONE


def _pointing(criterion: PointsAt, conditions: Conditions, values: Values) -> str:
    """From the targets back along the links."""
    target, link = conditions.alias("t"), conditions.alias("l")
    rows, wanted = _inner(criterion.target_type, criterion.criteria, target, conditions, values)
    on_link = f"{link}.target_type = {target}.type AND {link}.target_id = {target}.id"
    joined = f"CROSS JOIN link {link} ON {on_link} AND {link}.scope = {values(hash_of(criterion.scope))}"
    return f"SELECT {link}.resource_key FROM {rows} {joined} WHERE {all_of(wanted)}"


def _pointed_at(criterion: PointedAtBy, resource_type: str, conditions: Conditions, values: Values) -> str:
    """From the sources on along the links."""
    start, link, target = conditions.alias("s"), conditions.alias("l"), conditions.alias("t")
    rows, wanted = _inner(criterion.source_type, criterion.criteria, start, conditions, values)
    scope, kind = values(hash_of(criterion.scope)), values(resource_type)
    on_link = f"{link}.resource_key = {start}.resource_key AND {link}.scope = {scope} AND {link}.target_type = {kind}"
    on_target = f"{target}.type = {link}.target_type AND {target}.id = {link}.target_id"
    joined = f"CROSS JOIN link {link} ON {on_link} CROSS JOIN resource_current {target} ON {on_target}"
    live = all_of([*wanted, f"NOT {target}.deleted"])
    return f"SELECT {target}.resource_key FROM {rows} {joined} WHERE {live}"


def _inner(
    resource_type: str, criteria: Sequence[AnyCriterion], row: str, conditions: Conditions, values: Values
) -> tuple[str, list[str]]:
    """The rows of a type that meet one of the criteria, and what they must meet besides."""
    known = [one for one in flattened(criteria) if is_cheap(one, costly=True)]
    first = min(known, key=_rank)
    keys = conditions.alias("k")
    rows = f"(SELECT DISTINCT resource_key FROM ({source(first, resource_type, conditions, values)})) {keys}"
    joined = f"{rows} CROSS JOIN resource_current {row} ON {row}.resource_key = {keys}.resource_key"
    subject = Subject(resource_type, f"{row}.resource_key", row)
    others = [one for one in flattened(criteria) if one is not first]
    return joined, [*conditions.live(resource_type, row), *conditions.all(others, subject)]


def _rank(criterion: AnyCriterion) -> int:
    place = next(number for number, kind in enumerate(_BEST_FIRST) if isinstance(criterion, kind))
    return place if is_cheap(criterion) else len(_BEST_FIRST)


def _one_of(column: str, hashes: Sequence[int], values: Values) -> str:
    if len(hashes) == 1:
        return f"{column} = {values(hashes[0])}"
    if len(hashes) <= _FEW:
        return f"{column} IN ({values.many(hashes)})"
    return f"{column} IN (SELECT value FROM json_each({values(json.dumps(hashes))}))"


def _matching(where: str, alternatives: Sequence[Sequence[str]], values: Values) -> str:
    column = "narrative" if where == "narrative" else "content"
    wanted = " OR ".join("(" + " AND ".join(f'"{word}"' for word in words) + ")" for words in alternatives)
    query = values(f"{column} : ({wanted})")
    return f"SELECT rowid AS resource_key FROM full_text WHERE full_text MATCH {query}"


class _Words:
    """See `criteria_sql.Words`."""

    def has_terms(self, hashes: Sequence[int], subject: Subject, values: Values) -> str:
        held = f"{_one_of('q.hash', hashes, values)} AND q.resource_key = {subject.key}"
        return f"EXISTS (SELECT 1 FROM posting q WHERE {held})"

    def has_all_terms(self, hashes: Sequence[int], subject: Subject, values: Values) -> list[str]:
        return [self.has_terms([one], subject, values) for one in hashes]

    def has_words(self, where: str, alternatives: Sequence[Sequence[str]], subject: Subject, values: Values) -> str:
        return f"{subject.key} IN ({_matching(where, alternatives, values)})"

    def contains(self, text: str, part: str) -> str:
        return f"instr({text}, {part}) > 0"

    def of_subject(self, alias: str, subject: Subject) -> str:
        return f"{alias}.resource_key = {subject.key}"

    def in_partition(self, _patient: str, _subject: Subject, _values: Values) -> list[str]:
        return []

    def of_source(self, row: str, link: str) -> str:
        return f"{row}.resource_key = {link}.resource_key"

    def of_target(self, row: str, link: str, _target_type: str) -> str:
        return f"{row}.type = {link}.target_type AND {row}.id = {link}.target_id"


WORDS = _Words()
