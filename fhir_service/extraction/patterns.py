"""Regular expressions that are tried only where a sentence holds what they need.

A sentence (`Words`) that lacks a word an expression cannot do without is passed over; where it is known what a match
begins with, the expression is tried at those places alone. What is found is what `re` finds. Any other text is searched
as `re` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from sys import maxsize
from typing import Any

from fhir_service.extraction.first_words import first
from fhir_service.extraction.required_words import parsed, required
from fhir_service.extraction.words import Words, need


class Pattern:
    """A compiled expression; the methods are those of `re.Pattern`."""

    __slots__ = ("_finditer", "_first", "_flags", "_search", "findall", "fullmatch", "match", "need", "pattern", "sub")

    def __init__(self, source: str, flags: int = 0) -> None:
        self.pattern = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """What is made when it is first asked for, so that loading this program costs little."""
        if name not in self.__slots__:
            raise AttributeError(name)
        self._make()
        return getattr(self, name)

    def _make(self) -> None:
        source, flags = self.pattern, self._flags
        expression = re.compile(source, flags)
        tree = parsed(source, flags)
        begins = first(tree)
        self._first = need([begins]) if begins else 0
        self.need = need(required(tree)) | self._first
        self._search = expression.search
        self._finditer = expression.finditer
        self.match = expression.match
        self.fullmatch = expression.fullmatch
        self.findall = expression.findall
        self.sub = expression.sub

    def is_possible(self, text: str) -> bool:
        """Whether a sentence holds the words that a match needs; of any other text, whether it has one."""
        return not text.missing & self.need if type(text) is Words else self._search(text) is not None

    def search(self, text: str, start: int = 0, end: int = maxsize) -> re.Match[str] | None:
        """The leftmost match in `text[start:end]`."""
        if type(text) is not Words:
            return self._search(text, start, end)
        if end != maxsize and text.is_inside(end):
            return self._search(text, start, end)
        if text.missing & self.need:
            return None
        first = self._first
        if not first & text.known:
            return self._search(text, start, end)
        match = self.match
        for place, bits in text.tokens:
            if bits & first and place >= start and (found := match(text, place, end)) is not None:
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
        first = self._first
        if not first & text.known:
            return self._finditer(text, start, end)
        found = []
        match = self.match
        for place, bits in text.tokens:
            if bits & first and place >= start and (each := match(text, place, end)) is not None:
                found.append(each)
                start = each.end()
        return found


@cache
def compiled(source: str, flags: int = 0) -> Pattern:
    """The pattern of an expression, which is one of this program's own; made once."""
    return Pattern(source, flags)
