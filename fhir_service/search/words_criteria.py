"""`_text` and `_content`: words joined by `and`, `or` and parentheses, as in `(bone OR liver) and metastases`
(R4 search.html#content; rest-rules BASE-1). Words without either between them are joined by `and`, which binds tighter
than `or`. Either is a word like others where it has nothing to join.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from fhir_service.search.criteria import HasWords
from fhir_service.search.query_faults import invalid, too_costly
from fhir_service.search.query_text import unescaped

_TOKEN = re.compile(r"[()]|[^\W_]+")
_MOST = 100
"""Sets of words of which one has to be there."""
_DEEPEST = 20
Alternatives = tuple[tuple[str, ...], ...]
"""All words of one of these."""


def words_criterion(name: str, values: Sequence[str]) -> HasWords:
    """Raises InvalidParameter, TooCostly."""
    found: dict[tuple[str, ...], None] = {}
    for value in values:
        found |= dict.fromkeys(_Reader(name, value).read())
    return HasWords("narrative" if name == "_text" else "content", tuple(found))


class _Reader:
    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value
        self._tokens: list[str] = _TOKEN.findall(unescaped(value))
        self._at = 0

    def read(self) -> Alternatives:
        found = self._either(0)
        if self._here:
            self._refuse("closes a parenthesis that is not open")
        return found

    @property
    def _here(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _joins(self, word: str) -> bool:
        """Whether this word stands next, with something to join after it."""
        after = self._tokens[self._at + 1 : self._at + 2]
        return self._here.lower() == word and after not in ([], [")"])

    def _either(self, depth: int) -> Alternatives:
        found = self._both(depth)
        while self._joins("or"):
            self._at += 1
            found = self._checked(found + self._both(depth))
        return found

    def _both(self, depth: int) -> Alternatives:
        found = self._one(depth)
        while self._here not in ("", ")") and not self._joins("or"):
            if self._joins("and"):
                self._at += 1
            also = self._one(depth)
            self._limit(len(found) * len(also))
            found = self._checked(tuple(tuple(dict.fromkeys(left + right)) for left in found for right in also))
        return found

    def _one(self, depth: int) -> Alternatives:
        word = self._here
        self._at += 1
        if word != "(":
            return ((word,),) if word not in ("", ")") else self._refuse("has no word to search for")
        if depth == _DEEPEST:
            raise too_costly(self._name, f"it has more than {_DEEPEST} parentheses in one another")
        found = self._either(depth + 1)
        if self._here != ")":
            self._refuse("has a parenthesis that is not closed")
        self._at += 1
        return found

    def _checked(self, found: Alternatives) -> Alternatives:
        self._limit(len(found))
        return tuple(dict.fromkeys(found))

    def _limit(self, number: int) -> None:
        if number > _MOST:
            raise too_costly(self._name, f"it stands for more than {_MOST} sets of words")

    def _refuse(self, fault: str) -> NoReturn:
        raise invalid(self._name, f"'{self._value}' {fault}")
