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

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_ASCII_TOKEN = re.compile(r"[a-z]+|[0-9]+|[^a-z0-9_\s]", re.ASCII)
"""The same in a text of ASCII letters in lower case, found faster."""
_FOLDED = str.maketrans({"İ": "i", "ı": "i", "ſ": "s"})
_LONGEST = 40
"""Letters: what is longer is no word, and is not searched for parts of words."""
_REMEMBERED = 20_000
"""Words of all texts whose parts are known; then it begins anew."""
_HEAD = 2
"""Letters by which parts of words are looked up."""


class _Known(dict[str, int]):
    """By word the bits that it meets, looked up when it is first asked for. `every`: all bits there were then."""

    def __init__(self, index: _Index, every: int) -> None:
        super().__init__()
        self._index = index
        self.every = every

    def __missing__(self, word: str) -> int:
        if len(word) > _LONGEST:
            return -1
        if len(self) >= _REMEMBERED:
            self.clear()
        bits = self[word] = self._index.bits_of(word)
        return bits


class _Index:
    """Groups of anchors, a bit for each, and which of them a word meets."""

    def __init__(self) -> None:
        self._bits: dict[frozenset[Anchor], int] = {}
        self.known = _Known(self, 0)
        """Replaced whenever there is a new bit."""
        self._whole: dict[str, int] = {}
        self._opening: dict[str, int] = {}
        self._closing: dict[str, int] = {}
        self._inside: dict[str, dict[str, int]] = {}
        """By their first letters."""
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
                self.known = _Known(self, self.known.every | bit)
            return bit

    def bits_of(self, word: str) -> int:
        """The bits that a word, number or sign meets."""
        if word[0].isdecimal():
            word = DIGIT
        inside, length = self._inside, len(word)
        bits = self._whole.get(word, 0)
        for place in range(length):
            bits |= self._opening.get(word[: place + 1], 0) | self._closing.get(word[place:], 0)
            for head in (word[place], word[place : place + _HEAD]):
                for part, more in inside.get(head, _NOTHING).items():
                    if word.startswith(part, place):
                        bits |= more
        return bits

    def _table(self, anchor: Anchor) -> dict[str, int]:
        if anchor.opens:
            return self._whole if anchor.closes else self._opening
        return self._closing if anchor.closes else self._inside.setdefault(anchor.letters[:_HEAD], {})


_NOTHING: dict[str, int] = {}
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


def is_apart(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` stands as words of its own."""
    return not (start and _is_of_word(text[start - 1])) and (end == len(text) or not _is_of_word(text[end]))


def _is_of_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


class Words(str):
    """A text that rules ask.

    `tokens`: the places of words, numbers and signs, each with the bits of `need` it meets, if any; `missing`: the bits
    that none of them meets, as far as bits were `known` then. `plain`: the text in lower case, a hyphen like a blank.
    `found`: what was read from the text.
    """

    __slots__ = ("found", "known", "missing", "plain", "tokens")

    known: int
    missing: int
    plain: str
    tokens: list[tuple[int, int]]
    found: dict[Any, Any]

    def __new__(cls, text: str) -> Words:
        words = super().__new__(cls, text)
        words.found = {}
        words._meet()
        return words

    def meets(self, bits: int) -> bool:
        """Whether the text holds all that these bits of `need` ask for."""
        if bits & ~self.known:
            self._meet()
        return not bits & self.missing

    def is_inside(self, place: int) -> bool:
        """Whether a place is inside a word."""
        return place < len(self) and self[place - 1].isalpha() and self[place].isalpha()

    def _meet(self) -> None:
        text, known, met = folded(self), _INDEX.known, 0
        token = _ASCII_TOKEN if text.isascii() else _TOKEN
        self.known = known.every
        self.plain = text.replace("-", " ")
        self.tokens = [(word.start(), bits) for word in token.finditer(text) if (bits := known[word[0]])]
        for _, bits in self.tokens:
            met |= bits
        self.missing = known.every & ~met


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
