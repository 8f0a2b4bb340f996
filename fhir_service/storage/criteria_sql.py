"""Criteria as conditions on a row of `resource_current`, in the words both databases share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import NamedTuple, Protocol

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.search.criteria import (
    AllOf,
    AnyCriterion,
    AnyOf,
    Comparison,
    HasInterval,
    HasTerm,
    HasText,
    HasWords,
    IdCriterion,
    LastUpdatedCriterion,
    Not,
    PointedAtBy,
    PointsAt,
)
from fhir_service.search.terms import hash_of
from fhir_service.storage.index_rows import HEAD, storable, words_of
from fhir_service.storage.sql_text import Values, all_of, any_of

DEEPEST = 12
"""Chains, negations and groups inside one another."""
MOST = 1000
"""Criteria of one search, those inside others included; alternatives that are mere values do not count."""
NOTHING = "FALSE"
_TABLES = {"date": "date_value", "number": "number_value"}
_ENDS = frozenset({"low", "high"})
_OPERATORS = frozenset({"<", "<=", ">", ">="})
_HIGHEST = "\U0010ffff"


class Subject(NamedTuple):
    """The row that conditions are about: its type, where its key is to be had, and the name of its current row."""

    type: str
    key: str
    row: str


class Words(Protocol):
    """How one database says what the other says in another way."""

    def has_terms(self, hashes: Sequence[int], subject: Subject, values: Values) -> str:
        """One of these hashes is among those of the row."""

    def has_all_terms(self, hashes: Sequence[int], subject: Subject, values: Values) -> list[str]:
        """All of them are."""

    def has_words(self, where: str, alternatives: Sequence[Sequence[str]], subject: Subject, values: Values) -> str:
        """All words of one alternative are in that column."""

    def contains(self, text: str, part: str) -> str: ...

    def of_subject(self, alias: str, subject: Subject) -> str:
        """An index row is of the subject."""

    def in_partition(self, patient: str, subject: Subject, values: Values) -> list[str]:
        """The subject lies where what belongs to the patient lies."""

    def of_source(self, row: str, link: str) -> str:
        """A current row is what a link starts from."""

    def of_target(self, row: str, link: str, target_type: str) -> str:
        """A current row is what a link points at."""


class Conditions:
    """Writes the conditions of one statement; what a caller may not read is not there, in chains as well."""

    def __init__(self, words: Words, values: Values, access: Access) -> None:
        self._words = words
        self.values = values
        self._access = access
        self._numbers = count(1)

    def all(self, criteria: Iterable[AnyCriterion], subject: Subject) -> list[str]:
        """What a row must meet that meets every criterion."""
        conditions: list[str] = []
        single: list[int] = []
        for criterion in flattened(criteria):
            if isinstance(criterion, HasTerm) and criterion.patient is not None:
                conditions += self._words.in_partition(criterion.patient, subject, self.values)
            if isinstance(criterion, HasTerm) and len(criterion.terms) == 1:
                single.append(hash_of(criterion.terms[0]))
            else:
                conditions.append(self.one(criterion, subject))
        return conditions + (self._words.has_all_terms(single, subject, self.values) if single else [])

    def one(self, criterion: AnyCriterion, subject: Subject) -> str:  # noqa: C901, PLR0911  # one line for each kind
        """What a row must meet that meets the criterion; never NULL, so that it can be negated."""
        match criterion:
            case HasTerm():
                hashes = [hash_of(term) for term in criterion.terms]
                return self._words.has_terms(hashes, subject, self.values) if hashes else NOTHING
            case HasInterval():
                table = _TABLES[criterion.kind]
                return self._exists(table, subject, criterion.scope, partial(self.intervals, criterion))
            case HasText():
                return self._exists("text_value", subject, criterion.scope, partial(self.texts, criterion))
            case HasWords():
                alternatives = searchable(criterion)
                if not alternatives:
                    return NOTHING
                return self._words.has_words(criterion.where, alternatives, subject, self.values)
            case PointsAt():
                return self._points_at(criterion, subject)
            case PointedAtBy():
                return self._pointed_at_by(criterion, subject)
            case AllOf(criteria):
                return all_of(self.all(criteria, subject))
            case AnyOf(criteria):
                return any_of(self.one(inner, subject) for inner in criteria)
            case Not(inner):
                return f"NOT ({self.one(inner, subject)})"
            case IdCriterion(ids):
                return f"{subject.row}.id IN ({self.values.many(map(storable, ids))})" if ids else NOTHING
            case LastUpdatedCriterion():
                return self._last_updated(criterion, subject)

    def intervals(self, criterion: HasInterval, alias: str) -> str:
        """One alternative holds for an index row."""
        return any_of(self.interval(criterion, alternative, alias) for alternative in criterion.alternatives)

    def interval(self, criterion: HasInterval, alternative: Iterable[Comparison], alias: str) -> str:
        """That alternative holds for an index row."""
        return all_of(
            f"{alias}.{_known(one.end, _ENDS)} {_known(one.operator, _OPERATORS)} {self._end(criterion, one.value)}"
            for one in alternative
        )

    def texts(self, criterion: HasText, alias: str) -> str:
        """The text of an index row starts or ends with, contains, or is one of the wanted."""
        whole = f"({alias}.head || {alias}.rest)"
        texts = [storable(text) for text in criterion.texts]
        match criterion.match:
            case "contains":
                return any_of(self._words.contains(whole, self.values(text)) for text in texts)
            case "ends":
                ends = ((f"substr({whole}, length({whole}) - {len(text) - 1})", text) for text in texts)
                return any_of(f"{end} = {self.values(text)}" for end, text in ends)
            case "is":
                parts = ((self.values(text[:HEAD]), self.values(text[HEAD:])) for text in texts)
                return any_of(f"{alias}.head = {head} AND {alias}.rest = {rest}" for head, rest in parts)
        return any_of(self._starts(text, alias) for text in texts)

    def alias(self, letter: str) -> str:
        """A name that no other part of the statement has."""
        return f"{letter}{next(self._numbers)}"

    def may_find(self, resource_type: str) -> bool:
        return self._access.may("s", resource_type)

    def _exists(self, table: str, subject: Subject, scope: str, condition: Callable[[str], str]) -> str:
        alias = self.alias("v")
        wanted = [
            f"{alias}.scope = {self.values(hash_of(scope))}",
            self._words.of_subject(alias, subject),
            condition(alias),
        ]
        return f"EXISTS (SELECT 1 FROM {table} {alias} WHERE {all_of(wanted)})"

    def _end(self, criterion: HasInterval, value: float) -> str:
        return self.values(int(value) if criterion.kind == "date" else float(value))

    def _starts(self, text: str, alias: str) -> str:
        head, rest = text[:HEAD], text[HEAD:]
        if len(text) < HEAD:
            return f"{alias}.head >= {self.values(head)} AND {alias}.head < {self.values(head + _HIGHEST)}"
        same = f"{alias}.head = {self.values(head)}"
        if not rest:
            return same
        return f"{same} AND substr({alias}.rest, 1, {len(rest)}) = {self.values(rest)}"

    def _points_at(self, criterion: PointsAt, subject: Subject) -> str:
        if not self.may_find(criterion.target_type):
            return NOTHING
        link, target = self.alias("l"), self.alias("t")
        wanted = [
            f"{link}.scope = {self.values(hash_of(criterion.scope))}",
            f"{link}.target_type = {self.values(criterion.target_type)}",
            self._words.of_subject(link, subject),
            *self.live(criterion.target_type, target),
            *self.all(criterion.criteria, Subject(criterion.target_type, f"{target}.resource_key", target)),
        ]
        joined = f"JOIN resource_current {target} ON {self._words.of_target(target, link, criterion.target_type)}"
        return f"EXISTS (SELECT 1 FROM link {link} {joined} WHERE {all_of(wanted)})"

    def _pointed_at_by(self, criterion: PointedAtBy, subject: Subject) -> str:
        if not self.may_find(criterion.source_type):
            return NOTHING
        link, source = self.alias("l"), self.alias("s")
        wanted = [
            f"{link}.scope = {self.values(hash_of(criterion.scope))}",
            f"{link}.target_type = {self.values(subject.type)}",
            f"{link}.target_id = {subject.row}.id",
            *self.live(criterion.source_type, source),
            *self.all(criterion.criteria, Subject(criterion.source_type, f"{source}.resource_key", source)),
        ]
        joined = f"JOIN resource_current {source} ON {self._words.of_source(source, link)}"
        return f"EXISTS (SELECT 1 FROM link {link} {joined} WHERE {all_of(wanted)})"

    def live(self, resource_type: str, row: str) -> list[str]:
        """The row is of that type, and not deleted."""
        return [f"{row}.type = {self.values(resource_type)}", f"NOT {row}.deleted"]

    def _last_updated(self, criterion: LastUpdatedCriterion, subject: Subject) -> str:
        column = f"{subject.row}.last_updated"
        return any_of(
            f"{column} >= {self.values(low)} AND {column} < {self.values(high)}" for low, high in criterion.ranges
        )


def flattened(criteria: Iterable[AnyCriterion]) -> Iterable[AnyCriterion]:
    """Criteria that all hold, without groups of such."""
    for criterion in criteria:
        if isinstance(criterion, AllOf):
            yield from flattened(criterion.criteria)
        else:
            yield criterion


def searchable(criterion: HasWords) -> list[list[str]]:
    """The alternatives in the words that are stored; what has no word is none."""
    found = [list(words_of(" ".join(words))) for words in criterion.alternatives]
    return [words for words in found if words]


def refuse_excess(criteria: Sequence[AnyCriterion]) -> None:
    """Raises InvalidParameter for a search too deep or too long to be run."""
    level, met = list(criteria), 0
    for _ in range(DEEPEST):
        met += len(level)
        if not level:
            return
        if met > MOST:
            raise InvalidParameter(f"the search has more than {MOST} criteria; ask in several searches")
        level = [inner for criterion in level for inner in _inside(criterion)]
    if level:
        raise InvalidParameter(f"the search goes more than {DEEPEST} levels deep; chain over fewer references")


def _inside(criterion: AnyCriterion) -> tuple[AnyCriterion, ...]:
    match criterion:
        case PointsAt() | PointedAtBy() | AllOf() | AnyOf():
            return criterion.criteria
        case Not(inner):
            return (inner,)
    return ()


def _known(word: str, words: frozenset[str]) -> str:
    """A word that goes into the statement as it is."""
    if word not in words:
        raise ValueError(word)
    return word
