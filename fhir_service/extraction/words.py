"""A sentence as the rules ask it: its text, which words it lacks, and what has been found in it already.

Dozens of rules ask every sentence. Most need a word that it does not hold; `missing` tells them so at once. What a
rule found is kept with the sentence and gone with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from threading import Lock
from typing import Any, TypeVar

from fhir_service.extraction.required_words import DIGIT, Anchor

T = TypeVar("T")

_TOKEN = re.compile(r"([^\W\d_]+)|\d+|[^\w\s]")
_WORD = re.compile(r"[^\W\d_]+")
_FOLDED = str.maketrans({"İ": "i", "ı": "i", "ſ": "s"})
_LONGEST = 40
"""Letters: what is longer is no word, and is not searched for parts of words."""
_REMEMBERED = 20_000
"""Words of all texts whose parts are known; then it begins anew."""


class _Index:
    """Groups of anchors, a bit for each, and which of them a word meets."""

    def __init__(self) -> None:
        self._bits: dict[frozenset[Anchor], int] = {}
        self._known: tuple[int, dict[str, int]] = (0, {})
        """All bits, and by word those that it meets; replaced together."""
        self._whole: dict[str, int] = {}
        self._opening: dict[str, int] = {}
        self._closing: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        self._lock = Lock()

    def bit(self, group: frozenset[Anchor]) -> int:
        """The bit of a group."""
        with self._lock:
            bit = self._bits.get(group)
            if bit is None:
                bit = self._bits[group] = 1 << len(self._bits)
                for anchor in group:
                    table = self._table(anchor)
                    table[anchor.letters] = table.get(anchor.letters, 0) | bit
                self._known = (self._known[0] | bit, {})
            return bit

    def read(self, text: str) -> tuple[int, list[tuple[int, int]], int, list[tuple[int, str]]]:
        """All bits; the place of every word, number and sign with the bits it meets, if any; the bits that none meets;
        the words. A text in lower case."""
        (every, met), seen = self._known, 0
        tokens: list[tuple[int, int]] = []
        words: list[tuple[int, str]] = []
        for match in _TOKEN.finditer(text):
            word = match[0]
            place = match.start()
            if match.lastindex:
                words.append((place, word))
            bits = met.get(word)
            if bits is None:
                bits = self._meet(word, met)
            if bits:
                tokens.append((place, bits))
                seen |= bits
        return every, tokens, every & ~seen, words

    def _table(self, anchor: Anchor) -> dict[str, int]:
        if anchor.opens:
            return self._whole if anchor.closes else self._opening
        return self._closing if anchor.closes else self._inside

    def _meet(self, word: str, met: dict[str, int]) -> int:
        if len(word) > _LONGEST:
            return -1
        printed = word
        if word[0].isdecimal():
            word = DIGIT
        inside = self._inside
        bits = self._whole.get(word, 0)
        for end in range(1, len(word) + 1):
            bits |= self._opening.get(word[:end], 0) | self._closing.get(word[-end:], 0)
            for start in range(end):
                bits |= inside.get(word[start:end], 0)
        if len(met) >= _REMEMBERED:
            met.clear()
        met[printed] = bits
        return bits


_INDEX = _Index()


def need(groups: Iterable[frozenset[Anchor]]) -> int:
    """What a text must not lack so that each of these groups is met."""
    bits = 0
    for group in groups:
        bits |= _INDEX.bit(group)
    return bits


def folded(text: str) -> str:
    """A text in lower case, as long as it was."""
    return text.lower() if text.isascii() else text.translate(_FOLDED).lower()


class Words(str):
    """A text that rules ask.

    `tokens`: the places of words, numbers and signs, each with the bits of `need` it meets; `missing`: the bits that
    none of them meets, as far as bits were `known` then. `words`: in lower case, each with its place. `found`: what was
    read from the text.
    """

    __slots__ = ("found", "known", "missing", "tokens", "words")

    known: int
    missing: int
    tokens: list[tuple[int, int]]
    words: list[tuple[int, str]]
    found: dict[Any, Any]

    def __new__(cls, text: str) -> Words:
        words = super().__new__(cls, text)
        words.known, words.tokens, words.missing, words.words = _INDEX.read(folded(text))
        words.found = {}
        return words

    def is_inside(self, place: int) -> bool:
        """Whether a place is inside a word."""
        return place < len(self) and self[place - 1].isalpha() and self[place].isalpha()


def once(read: Callable[[str], T]) -> Callable[[str], T]:
    """Read a sentence once, however often it is asked; any other text each time. The result must not be changed."""

    @wraps(read)
    def reading(text: str) -> T:
        if type(text) is not Words:
            return read(text)
        try:
            result: T = text.found[read]
        except KeyError:
            result = text.found[read] = read(text)
        return result

    return reading


def beginnings(text: str) -> list[tuple[int, str]]:
    """The words of a text in lower case, each with its place."""
    if type(text) is Words:
        return text.words
    return [(match.start(), match[0]) for match in _WORD.finditer(folded(text))]
