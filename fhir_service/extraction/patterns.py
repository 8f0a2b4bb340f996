"""Regular expressions that are tried only where a sentence holds what they need.

A sentence (`Words`) that lacks a word an expression cannot do without is passed over; where it is known what a match
begins with, the expression is tried at those places alone. What is found is what `re` finds. Any other text is searched
as `re` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from sys import maxsize
from typing import Any

from fhir_service.extraction.first_words import first
from fhir_service.extraction.required_words import parsed, read_on, required
from fhir_service.extraction.words import Words, need


class Pattern:
    """A compiled expression; the methods are those of `re.Pattern`."""

    __slots__ = (
        "_begins", "_finditer", "_flags", "_search", "_tree", "findall", "fullmatch", "match", "need", "pattern", "sub",
    )  # fmt: skip

    def __init__(self, source: str, flags: int = 0) -> None:
        self.pattern = source
        self._flags = flags
        self._tree: Sequence[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        """What is made when it is first asked for, so that loading this program costs little: what the expression
        needs, of any text; the expression itself, where a text has that."""
        if name not in self.__slots__:
            raise AttributeError(name)
        if name in ("need", "_begins"):
            self._tree = tree = parsed(self.pattern, self._flags)
            begins = first(tree)
            self._begins = need([begins]) if begins else 0
            self.need = need(required(tree)) | self._begins
        else:
            self._compile()
        return getattr(self, name)

    def _compile(self) -> None:
        expression = read_on(self._tree) if self._tree is not None else re.compile(self.pattern, self._flags)
        self._tree = None
        self._search, self._finditer = expression.search, expression.finditer
        self.match, self.fullmatch = expression.match, expression.fullmatch
        self.findall, self.sub = expression.findall, expression.sub

    def is_possible(self, text: str) -> bool:
        """Whether a sentence holds the words that a match needs; of any other text, whether it has one."""
        if type(text) is Words:
            return not text.missing & self.need
        return self.search(text) is not None

    def search(self, text: str, start: int = 0, end: int = maxsize) -> re.Match[str] | None:
        """The leftmost match in `text[start:end]`."""
        if type(text) is not Words:
            return self._search(text, start, end)
        if end != maxsize and text.is_inside(end):
            return self._search(text, start, end)
        if text.missing & self.need:
            return None
        begins = self._begins
        if not begins & text.known:
            return self._search(text, start, end)
        match = self.match
        for place, bits in text.tokens:
            if bits & begins and place >= start and (found := match(text, place, end)) is not None:
                return found
        return None

    def finditer(self, text: str, start: int = 0, end: int = maxsize) -> Iterable[re.Match[str]]:
        """The matches in `text[start:end]` from left to right, without overlaps."""
        if type(text) is not Words:
            return self._finditer(text, start, end)
        if end != maxsize and text.is_inside(end):
            return self._finditer(text, start, end)
        if text.missing & self.need:
            return ()
        begins = self._begins
        if not begins & text.known:
            return self._finditer(text, start, end)
        found = []
        match = self.match
        for place, bits in text.tokens:
            if bits & begins and place >= start and (each := match(text, place, end)) is not None:
                found.append(each)
                start = each.end()
        return found


@cache
def compiled(source: str, flags: int = 0) -> Pattern:
    """The pattern of an expression, which is one of this program's own; made once."""
    return Pattern(source, flags)
