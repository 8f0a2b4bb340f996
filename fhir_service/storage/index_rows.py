"""What a resource is found by, as rows; scopes and terms as hashes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fhir_service.search.index_values import IndexValues, IntervalValue
from fhir_service.search.parameters import sort_date_parameter
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
_WORD = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")
_LONGEST_WORD = 100
_MOST_WORDS = 20_000
"""Different words of one resource that are found; a tsvector holds a megabyte at most."""
VALUE_TABLES = ("date_value", "number_value", "text_value", "link")
Value = tuple[Any, ...]
"""A row of one of these tables without the resource it belongs to."""


@dataclass(frozen=True, slots=True)
class IndexRows:
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


def index_rows(values: IndexValues) -> IndexRows:
    """The rows for these values."""
    own = interval_scope(values.resource_type, sort_date_parameter(values.resource_type) or "")
    hashes = {term: hash_of(term) for term in values.terms}
    own_dates = [date for date in values.dates if date.scope == own]
    tables = {
        "date_value": _intervals(values.dates, int),
        "number_value": _intervals(values.numbers, float),
        "text_value": frozenset([_text(hash_of(scope), storable(text)) for scope, text in values.texts]),
        "link": frozenset([(hash_of(scope), kind, target) for scope, kind, target in values.links]),
    }
    return IndexRows(
        tuple(sorted({*hashes.values()})),
        frozenset([one for term, one in hashes.items() if parameter_of(term) in IN_TIME]),
        min((int(date.low) for date in own_dates), default=NO_LOW),
        max((int(date.high) for date in own_dates), default=NO_HIGH),
        storable(msgspec.json.encode(values.sort_values).decode()).replace("\\u0000", " "),
        {table: rows for table, rows in tables.items() if rows},
        " ".join(words_of(values.narrative)),
        " ".join(words_of(values.content)),
    )


def words_of(text: str) -> Iterable[str]:
    """The different words of a text, cut so that both databases see the same ones."""
    if not text:
        return []
    words = dict.fromkeys(_WORD.findall(storable(text).lower()))
    if max(map(len, words), default=0) > _LONGEST_WORD:
        words = dict.fromkeys(word[:_LONGEST_WORD] for word in words)
    return list(words)[:_MOST_WORDS]


def storable(text: str) -> str:
    """PostgreSQL has no U+0000 in text, and UTF-8 has no halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\x00", " ")
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()


def _intervals(values: Iterable[IntervalValue], number: type[int] | type[float]) -> frozenset[Value]:
    return frozenset((hash_of(value.scope), number(value.low), number(value.high)) for value in values)


def _text(scope: int, text: str) -> Value:
    return scope, text[:HEAD], hash_of(text), text[HEAD:]
