"""What a resource is found by, as rows; scopes and terms as hashes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from fhir_service.search.collector import Collector, IntervalValue, SortPair
from fhir_service.search.index_values import IndexValues
from fhir_service.search.parameters import sort_date_parameter
from fhir_service.search.parts import REMEMBERED
from fhir_service.search.terms import hash_of, interval_scope, parameter_of

NO_LOW, NO_HIGH = 2**63 - 1, -(2**63)
"""Where a resource without a date of its own stands in time: last in both directions."""
YEAR = 366 * 86_400_000
"""Milliseconds: few dates are longer, and on SQLite those have an index of their own."""
HEAD = 64
"""Characters of a text that are in the index: four bytes each still fit into an entry of a PostgreSQL B-tree."""
IN_TIME = frozenset({"category", "code", "combo-code", "event", "type"})
"""Parameters whose terms many resources have, and that are asked for with the newest first: on SQLite their postings
are also kept in the order of time."""
_WORD = re.compile(r"[^\W_]+")
"""As words of a search are read (`words_criteria.py`)."""
_BETWEEN_WORDS = {code: " " for code in range(128) if not _WORD.match(chr(code))}
_LONGEST_WORD = 100
_MOST_WORDS, _MOST_WORD_BYTES = 20_000, 1_000_000
"""Different words of one resource that are found; a tsvector holds a megabyte at most."""
_MOST_SIGN_BYTES = 4
VALUE_TABLES = ("date_value", "number_value", "text_value", "link")
Value = tuple[Any, ...]
"""A row of one of these tables without the resource it belongs to."""


class IndexRows(NamedTuple):
    """All rows of one resource."""

    hashes: tuple[int, ...] = ()
    in_time: frozenset[int] = frozenset()
    """Those of terms of the parameters IN_TIME."""
    sort_low: int = NO_LOW
    sort_high: int = NO_HIGH
    sort_values: str = "{}"
    values: Mapping[str, frozenset[Value]] | None = None
    """By table; tables without rows may be missing."""
    narrative: str = ""
    content: str = ""
    """Words with blanks between."""

    def of(self, table: str) -> frozenset[Value]:
        return (self.values or {}).get(table, frozenset())


NO_ROWS = IndexRows()
"""A deleted resource is found by nothing."""


class _Rows(NamedTuple):
    """What follows from one part of a resource, by the names of IndexRows."""

    hashes: Sequence[int]
    in_time: Sequence[int]
    own_date: tuple[int, int] | None
    sorted_by: Collection[str]
    sort_values: Sequence[str]
    """The members of the object."""
    values: Sequence[tuple[str, frozenset[Value]]]
    narrative: Collection[str]
    content: Collection[str]


def index_rows(values: IndexValues) -> IndexRows:
    """The rows for these values."""
    own = _own_scope(values.resource_type)
    low, high = NO_LOW, NO_HIGH
    hashes: list[int] = []
    in_time: list[int] = []
    tables: dict[str, frozenset[Value]] = {}
    sorted_by: list[str] = []
    written: list[str] = []
    narratives, contents = [], []
    for part in values.parts:
        found = _known(part, own) if part.remembered else _rows(part, own)
        some, some_in_time, date, codes, texts, rows, narrative, content = found
        hashes += some
        in_time += some_in_time
        if date is not None:
            low, high = min(low, date[0]), max(high, date[1])
        for table, held in rows:
            tables[table] = tables[table] | held if table in tables else held
        if codes:
            sorted_by += codes
            written += texts
        if narrative:
            narratives.append(narrative)
        if content:
            contents.append(content)
    if len(set(sorted_by)) < len(sorted_by):  # the least may be in one part and the greatest in another
        written = _written(values.sort_values)
    # Nothing depends on which parts it came from, and so on what was there before: all is in an order of its own.
    sort_values = f"{{{','.join(sorted(written))}}}"
    words = _joined(narratives, lambda: values.narrative), _joined(contents, lambda: values.content)
    return IndexRows(tuple(sorted(set(hashes))), frozenset(in_time), low, high, sort_values, tables, *words)


def _rows(part: Collector, own: str) -> _Rows:
    """`own` is the scope of the date by which resources of the type stand in time."""
    posted = {hash_of(term): term for term in part.terms}
    date = None
    tables = []
    if part.dates:
        ends = [(int(date.low), int(date.high)) for date in part.dates if date.scope == own]
        date = (min([low for low, _ in ends]), max([high for _, high in ends])) if ends else None
        tables.append(("date_value", _intervals(part.dates, int)))
    if part.numbers:
        tables.append(("number_value", _intervals(part.numbers, float)))
    if part.texts:
        rows = [_text(hash_of(scope), storable(text)) for scope, text in part.texts]
        tables.append(("text_value", frozenset(rows)))
    if part.links:
        tables.append(("link", frozenset([(hash_of(scope), kind, target) for scope, kind, target in part.links])))
    spans: dict[str, SortPair] = {**part.number_spans, **part.text_spans}
    return _Rows(
        tuple(posted),
        [one for one, term in posted.items() if parameter_of(term) in IN_TIME],
        date,
        spans,
        _written(spans),
        tables,
        words_of(part.narrative),
        words_of(part.content),
    )


_known = lru_cache(maxsize=2 * REMEMBERED)(_rows)


@cache
def _own_scope(resource_type: str) -> str:
    """Of the date by which resources of the type stand in time."""
    return interval_scope(resource_type, sort_date_parameter(resource_type) or "")


def _written(spans: Mapping[str, SortPair]) -> list[str]:
    """Each as a member of a JSON object."""
    written = [f'"{code}":{msgspec.json.encode(span).decode()}' for code, span in spans.items()]
    return [storable(text).replace("\\u0000", " ") for text in written]


def _joined(words: Sequence[Collection[str]], text: Callable[[], str]) -> str:
    """`text` is all that they are from, in its order."""
    if not words:
        return ""
    every = set().union(*words)
    joined = " ".join(sorted(every))
    if len(every) <= _MOST_WORDS and len(joined) <= _MOST_WORD_BYTES // _MOST_SIGN_BYTES:
        return joined
    first = [*words_of(text())][:_MOST_WORDS]
    sizes = accumulate(len(word.encode()) for word in first)
    return " ".join(sorted([word for word, size in zip(first, sizes, strict=True) if size <= _MOST_WORD_BYTES]))


def words_of(text: str) -> Collection[str]:
    """The different words of a text, cut so that both databases see the same ones."""
    if not text:
        return ()
    text = storable(text).lower()
    # The expression takes more than twice as long, and this is for every word of every resource.
    words = dict.fromkeys(text.translate(_BETWEEN_WORDS).split() if text.isascii() else _WORD.findall(text))
    if max(map(len, words), default=0) > _LONGEST_WORD:
        words = dict.fromkeys(word[:_LONGEST_WORD] for word in words)
    return words


def storable(text: str) -> str:
    """PostgreSQL has no U+0000 in text, and UTF-8 has no halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\x00", " ")
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()


def _intervals(values: Iterable[IntervalValue], number: type[int] | type[float]) -> frozenset[Value]:
    return frozenset([(hash_of(scope), number(low), number(high)) for scope, low, high in values])


def _text(scope: int, text: str) -> Value:
    return scope, text[:HEAD], hash_of(text), text[HEAD:]
