"""Searches that are asked for again and again, with their values written into the statement, so that PostgreSQL keeps
the plan it has made for them.

A plan that fits the values is made anew for each search, which takes it longer than most searches themselves; a plan
made once for all values would often be a bad one. A statement that names its values has none left to plan for: it is
planned once for a connection, and again when the database has other statistics.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import monotonic
from typing import Any

_OFTEN = 3
"""Times from which on a search is worth a statement of its own."""
_MOST_COUNTED = 512
_MOST_KEPT = 32
"""A plan takes some 100 KB of each connection's server."""
_KEPT_SECONDS = 10.0
"""So long one that nobody asks for keeps its place from others."""
_LONGEST = 4096
_PARAMETER = re.compile(r"\$(\d+)")
_Asked = tuple[str, tuple[Any, ...]]


class RepeatedSearches:
    """Those of one process."""

    def __init__(self) -> None:
        self._counted: dict[_Asked, int] = {}
        self._kept: dict[_Asked, str] = {}
        self._used: dict[_Asked, float] = {}

    def statement(self, statement: str, values: Sequence[Any]) -> str:
        """The statement with these values in it, where it was asked for often; else empty."""
        if len(statement) + sum([len(value) for value in values if isinstance(value, str | list)]) > _LONGEST:
            return ""  # it would not be kept, so it is not counted: there may be megabytes of it
        asked = (statement, tuple(tuple(value) if isinstance(value, list) else value for value in values))
        if asked in self._kept:
            self._used[asked] = monotonic()
            return self._kept[asked]
        if len(self._counted) >= _MOST_COUNTED:
            self._counted.clear()
        times = self._counted[asked] = self._counted.get(asked, 0) + 1
        if times < _OFTEN or not self._has_room():
            return ""
        text = written(statement, values)
        if 0 < len(text) <= _LONGEST:
            self._kept[asked], self._used[asked] = text, monotonic()
            return text
        return ""

    def _has_room(self) -> bool:
        if len(self._kept) < _MOST_KEPT:
            return True
        oldest = min(self._used, key=self._used.__getitem__)
        if monotonic() - self._used[oldest] < _KEPT_SECONDS:
            return False
        del self._kept[oldest], self._used[oldest]
        return True


def written(statement: str, values: Sequence[Any]) -> str:
    """A statement with its values in the place of its parameters; empty where one is of another kind than whole
    numbers, texts and lists of numbers. Of a text only letters and digits are written as they are, so it
    cannot be anything but a value."""
    literals = [_literal(value) for value in values]
    if not all(literals):
        return ""
    return _PARAMETER.sub(lambda found: literals[int(found[1]) - 1], statement)


def _literal(value: Any) -> str:
    if type(value) is int:
        return f"'{value:d}'::bigint"
    if type(value) is str:
        return f"E'{''.join(map(_sign, value))}'"
    if type(value) is list and all(type(one) is int for one in value):
        return f"'{{{','.join(f'{one:d}' for one in value)}}}'::bigint[]"
    return ""


def _sign(sign: str) -> str:
    return sign if sign.isascii() and sign.isalnum() else f"\\U{ord(sign):08X}"
