"""What a regular expression cannot do without: the words one of which stands in any text it matches.

Read from the expression itself, so that nobody has to write it down: `\\b(?:fear\\w*|afraid)\\s\\d` needs a word that
begins with "fear" or the word "afraid", and a digit. What cannot be said is left out; what is said holds always.
"""

from __future__ import annotations

import re
import re._compiler as compiler  # type: ignore[import-not-found] # what `re.compile` does after it has parsed
import re._constants as op  # type: ignore[import-not-found] # the parts of an expression as its parser names them
import re._parser as sre  # type: ignore[import-not-found] # of the standard library, which has no public one
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LETTER = re.compile(r"[^\W\d_]")
SYMBOL = re.compile(r"[^\w\s]")
DIGIT = "0"
"""Stands for any digit."""
_MOST = 120
"""Alternatives that are spelled out; beyond that a group says too little."""
_GROUPS = 4


class Anchor(NamedTuple):
    """Letters of one word, in lower case; where they must begin it (`opens`) or end it (`closes`). Or one symbol."""

    letters: str
    opens: bool
    closes: bool


def parsed(source: str, flags: int = 0) -> Sequence[Any]:
    """An expression as the standard library reads it. (Flags as an enum take it twice as long.)"""
    items: Sequence[Any] = sre.parse(source, int(flags))
    return items


def read_on(expression: Sequence[Any]) -> re.Pattern[str]:
    """The compiled expression of what `parsed` gave, which is not read a second time."""
    pattern: re.Pattern[str] = compiler.compile(expression, expression.state.flags)  # type: ignore[attr-defined] # the parser's own
    return pattern


def required(expression: Sequence[Any]) -> list[frozenset[Anchor]]:
    """Groups of anchors: of every group, one stands in any text that the (parsed) expression matches."""
    return best(_groups(expression, _Word({""}, opens=False)))


def best(groups: Iterable[frozenset[Anchor]]) -> list[frozenset[Anchor]]:
    """The groups that say most."""
    return sorted(dict.fromkeys(groups), key=_telling, reverse=True)[:_GROUPS]


def _telling(group: frozenset[Anchor]) -> tuple[int, int]:
    return min(len(anchor.letters) + anchor.opens + anchor.closes for anchor in group), -len(group)


@dataclass
class _Word:
    """The word being read: its letters so far, in all their alternatives; None where they are not known."""

    letters: set[str] | None
    opens: bool
    groups: list[frozenset[Anchor]] = field(default_factory=list)

    def add(self, letters: Iterable[str]) -> None:
        if self.letters is None:
            self.letters, self.opens = {""}, False
        self.letters = {known + more for known in self.letters for more in letters}
        if len(self.letters) > _MOST:
            self.letters = None

    def end(self, *, closes: bool) -> None:
        """The word ends here (`closes`), or what follows is unknown."""
        if self.letters and all(self.letters):
            self.groups.append(frozenset(Anchor(each, self.opens, closes) for each in self.letters))
        self.letters, self.opens = ({""}, True) if closes else (None, False)

    def symbol(self, sign: str) -> None:
        self.end(closes=True)
        if sign.isdigit():
            self.groups.append(frozenset({Anchor(DIGIT, True, True)}))
        elif SYMBOL.match(sign):
            self.groups.append(frozenset({Anchor(sign, True, True)}))


def _groups(items: Sequence[Any], word: _Word) -> list[frozenset[Anchor]]:
    """The groups of a sequence that the word begun before goes on into; the word is ended."""
    _walk(items, word)
    word.end(closes=False)
    return word.groups


def _walk(items: Sequence[Any], word: _Word, behind: Sequence[Any] = ()) -> None:
    """`behind`: what follows these items."""
    for place, (kind, value) in enumerate(items):
        following = items[place + 1 : place + 2] or behind
        if kind is op.LITERAL:
            _literal(chr(value), word)
        elif kind is op.IN:
            _one_of(value, word)
        elif kind is op.SUBPATTERN:
            _walk(value[3], word, following)
        elif kind is op.ATOMIC_GROUP:
            _walk(value, word, following)
        elif kind is op.BRANCH:
            _branches(value[1], word, closes=is_edge(following))
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            _repeat(value, word)
        elif kind is op.ASSERT:
            word.groups += _groups(value[1], _Word(None, opens=False))
        elif is_edge([(kind, value)]) or _follows_no_letter(kind, value):
            word.end(closes=True)
        elif kind not in (op.ASSERT_NOT, op.AT):
            word.end(closes=False)


def _follows_no_letter(kind: Any, value: Any) -> bool:
    """`(?<![a-z])`: what comes next, if it is a letter, begins a word."""
    return kind is op.ASSERT_NOT and value[0] < 0 and list(value[1]) == [(op.IN, [(op.RANGE, (ord("a"), ord("z")))])]


def _literal(sign: str, word: _Word) -> None:
    if LETTER.match(sign):
        word.add((sign.lower(),))
    elif sign == "_":
        word.end(closes=False)
    else:
        word.symbol(sign)


def _one_of(options: Sequence[Any], word: _Word) -> None:
    signs = [chr(value) for kind, value in options if kind is op.LITERAL]
    if len(signs) == len(options) and all(LETTER.match(sign) for sign in signs):
        word.add({sign.lower() for sign in signs})
    elif are_digits(options):
        word.symbol("1")
    elif all(is_no_letter(option) for option in options):
        word.end(closes=True)
    else:
        word.end(closes=False)


def are_digits(options: Sequence[Any]) -> bool:
    """Whether a set of signs holds digits alone."""
    return all(
        (kind is op.CATEGORY and value is op.CATEGORY_DIGIT)
        or (kind is op.LITERAL and chr(value).isdecimal())
        or (kind is op.RANGE and chr(value[0]).isdecimal() and chr(value[1]).isdecimal())
        for kind, value in options
    )


def is_no_letter(option: Any) -> bool:
    """Whether a member of a set of signs can be no letter."""
    kind, value = option
    if kind is op.LITERAL:
        return LETTER.match(chr(value)) is None and value != ord("_")
    if kind is op.CATEGORY:
        return value in (op.CATEGORY_SPACE, op.CATEGORY_DIGIT)
    return kind is op.RANGE and chr(value[0]).isdecimal() and chr(value[1]).isdecimal()


def _branches(branches: Sequence[Any], word: _Word, *, closes: bool) -> None:
    begun, opens = word.letters, word.opens
    chosen: frozenset[Anchor] | None = frozenset()
    for branch in branches:
        inner = _Word(None if begun is None else set(begun), opens)
        _walk(branch, inner)
        inner.end(closes=closes)
        group = next(iter(best(inner.groups)), None)
        chosen = None if chosen is None or group is None else chosen | group
    if chosen and len(chosen) <= 4 * _MOST:
        word.groups.append(chosen)
    word.letters, word.opens = ({""}, True) if closes else (None, False)


def _repeat(value: Any, word: _Word) -> None:
    low, high, inner = value
    blank = all(_is_blank(item) for item in inner)
    if low == 0:
        ending = "".join(chr(sign) if kind is op.LITERAL else " " for kind, sign in inner)
        if high == 1 and word.letters and all(LETTER.match(sign) for sign in ending):
            word.add(("", ending.lower()))
        else:
            word.end(closes=False)
        return
    if blank:
        word.end(closes=True)
        if any(kind is op.IN and are_digits(options) for kind, options in inner):
            word.symbol("1")
        return
    word.end(closes=False)
    word.groups += _groups(inner, _Word(None, opens=False))


def _is_blank(item: Any) -> bool:
    kind, value = item
    return kind is op.IN and all(is_no_letter(option) for option in value)


def is_edge(items: Sequence[Any]) -> bool:
    """Whether a word can only end or begin here."""
    if not items:
        return False
    kind, value = items[0]
    if kind is op.AT:
        return value in (op.AT_BOUNDARY, op.AT_BEGINNING, op.AT_END, op.AT_BEGINNING_STRING, op.AT_END_STRING)
    if kind is op.ASSERT_NOT:
        inner = value[1]
        return (
            len(inner) == 1
            and inner[0][0] is op.IN
            and (op.CATEGORY, op.CATEGORY_WORD) in inner[0][1]
            and (op.NEGATE, None) not in inner[0][1]
        )
    if kind is op.LITERAL:
        return LETTER.match(chr(value)) is None and value != ord("_")
    return kind is op.IN and all(is_no_letter(option) for option in value)
