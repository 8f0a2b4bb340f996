"""The language of `_filter` (R4 search_filter.html): tests joined by `and`, `or`, `not` and parentheses.

`and` and `or` bind alike and from left to right, as R4 says; parentheses tell otherwise.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from fhir_service.search.query_faults import invalid, too_costly, unsupported

NAME = "_filter"
OPERATORS = (
    *("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb"),
    *("pr", "po", "ss", "sb", "in", "ni", "re"),
)
_TOKEN = re.compile(r'\s*(?P<token>[()]|"(?:[^"\\]|\\.)*"|[^\s()\]"][^\s()\]]*)')
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]*")
_DEEPEST = 6
_MOST = 100


@dataclass(frozen=True, slots=True)
class Test:
    """`path operator value`."""

    path: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Negation:
    inner: Filter


@dataclass(frozen=True, slots=True)
class Both:
    """Two filters of which both, or one at least, have to hold."""

    join: Literal["and", "or"]
    left: Filter
    right: Filter


Filter = Test | Negation | Both


def parsed_filter(text: str) -> Filter:
    """Raises InvalidParameter for what is no filter, TooCostly, UnsupportedParameter for `name[filter].path`."""
    parser = _Parser(_tokens(text))
    found = parser.filter(0)
    if parser.here:
        raise invalid(NAME, f"'{parser.here}' is not expected there")
    return found


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        token = _TOKEN.match(text, position)
        if token is None:
            raise invalid(NAME, f"'{text[position : position + 20].strip()}' cannot be read")
        found.append(token["token"])
        position = token.end()
    return found


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._tests = 0

    @property
    def here(self) -> str:
        """The token that comes next; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def filter(self, depth: int) -> Filter:
        if depth > _DEEPEST:
            raise too_costly(NAME, f"it has more than {_DEEPEST} parentheses in one another")
        found = self._one(depth)
        while self.here.lower() in ("and", "or"):
            join: Literal["and", "or"] = "and" if self._next().lower() == "and" else "or"
            found = Both(join, found, self._one(depth))
        return found

    def _one(self, depth: int) -> Filter:
        if self.here.lower() == "not" and self._at + 1 < len(self._tokens) and self._tokens[self._at + 1] == "(":
            self._next()
            return Negation(self._in_parentheses(depth))
        return self._in_parentheses(depth) if self.here == "(" else self._test()

    def _in_parentheses(self, depth: int) -> Filter:
        self._next()
        found = self.filter(depth + 1)
        if self._next() != ")":
            raise invalid(NAME, "a parenthesis is not closed")
        return found

    def _test(self) -> Test:
        path, operator, value = self._next(), self._next().lower(), self._next()
        if "[" in path:
            raise unsupported(NAME, f"'{path}' has a filter inside a path, which is not offered here")
        if not _PATH.fullmatch(path):
            raise invalid(NAME, f"'{path}' is not the name of a parameter")
        if operator not in OPERATORS:
            raise invalid(NAME, f"'{operator}' after {path} is none of {' '.join(OPERATORS)}")
        if not value or value in "()":
            raise invalid(NAME, f"{path} {operator} has no value")
        self._tests += 1
        if self._tests > _MOST:
            raise too_costly(NAME, f"it has more than {_MOST} tests")
        if not value.startswith('"'):
            return Test(path, operator, value)
        try:
            text = json.loads(value, strict=False)
        except ValueError:
            raise invalid(NAME, f"{value} is not a text as JSON writes it") from None
        return Test(path, operator, str(text))

    def _next(self) -> str:
        found = self.here
        self._at += 1
        return found
