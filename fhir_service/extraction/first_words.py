"""What a match of a regular expression can begin with, read from the expression: words, digits or signs.

Where that is known, an expression is tried at those places of a sentence alone.
"""

from __future__ import annotations

import re._constants as op  # type: ignore[import-not-found] # the parts of an expression as its parser names them
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fhir_service.extraction.required_words import DIGIT, LETTER, SYMBOL, Anchor, are_digits, is_edge, is_no_letter

_MANY = 60
"""Beginnings; what has more is not spelled out further."""


class _UnknownError(Exception):
    """A match may begin in the middle of a word, or with a blank, or be empty."""


class _Begun(NamedTuple):
    """The letters of a match so far. `edge`: what comes next begins a word, if it is a letter or digit."""

    letters: str = ""
    edge: bool = False
    anchor: Anchor | None = None
    """Set where nothing can be added."""


def first(expression: Sequence[Any]) -> frozenset[Anchor] | None:
    """One of these begins every match of a (parsed) expression, and the match begins where it begins; None where that
    cannot be said."""
    try:
        begun = _sequence(expression, {_Begun()})
        anchors = frozenset(_done(each, closes=False).anchor for each in begun)
    except _UnknownError:
        return None
    return frozenset(anchor for anchor in anchors if anchor)


def _done(begun: _Begun, *, closes: bool) -> _Begun:
    if begun.anchor is not None:
        return begun
    if not begun.letters:
        raise _UnknownError
    return _Begun(anchor=Anchor(begun.letters, True, closes))


def _sequence(items: Iterable[Any], begun: set[_Begun]) -> set[_Begun]:
    for item in items:
        going_on = {each for each in begun if each.anchor is None}
        if not going_on:
            break
        begun = (begun - going_on) | _item(item, going_on)
        if len(begun) > _MANY:
            begun = {_done(each, closes=False) if each.letters else each for each in begun}
    return begun


def _item(item: Any, begun: set[_Begun]) -> set[_Begun]:
    kind, value = item
    if kind in (op.LITERAL, op.IN):
        options = [item] if kind is op.LITERAL else value
        return {more for each in begun for more in _one_of(each, options)}
    if kind in (op.SUBPATTERN, op.ATOMIC_GROUP):
        return _sequence(value[3] if kind is op.SUBPATTERN else value, begun)
    if kind is op.BRANCH:
        return set().union(*(_sequence(branch, begun) for branch in value[1]))
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return _repeated(value, begun)
    if kind in (op.ASSERT, op.ASSERT_NOT, op.AT):
        return {_at_edge(each) for each in begun} if _makes_edge(item) else begun
    return {_done(each, closes=False) for each in begun}


def _makes_edge(item: Any) -> bool:
    """Whether a condition holds at the edge of a word alone."""
    kind, value = item
    if kind is op.ASSERT:
        return value[0] < 0 and _ends_apart(value[1])
    return is_edge([item]) and (kind is op.AT or value[0] < 0)


def _at_edge(begun: _Begun) -> _Begun:
    return _done(begun, closes=True) if begun.letters else _Begun(edge=True)


def _ends_apart(items: Sequence[Any]) -> bool:
    """Whether what is looked back at ends in a blank or a sign."""
    if not items:
        return False
    kind, value = items[-1]
    if kind is op.BRANCH:
        return all(_ends_apart(branch) for branch in value[1])
    if kind is op.SUBPATTERN:
        return _ends_apart(value[3])
    if kind is op.LITERAL:
        return not (chr(value).isalnum() or chr(value) == "_" or LETTER.match(chr(value)))
    return kind is op.IN and all(each == (op.CATEGORY, op.CATEGORY_SPACE) for each in value)


def _sign(begun: _Begun, sign: str) -> _Begun:
    if LETTER.match(sign):
        if not begun.letters and not begun.edge:
            raise _UnknownError
        return _Begun(begun.letters + sign.lower(), begun.edge)
    if begun.letters:
        return _done(begun, closes=True)
    if sign.isdecimal() and begun.edge:
        return _Begun(anchor=Anchor(DIGIT, True, True))
    if not SYMBOL.match(sign):
        raise _UnknownError
    return _Begun(anchor=Anchor(sign, True, True))


def _one_of(begun: _Begun, options: Sequence[Any]) -> set[_Begun]:
    if all(kind is op.LITERAL for kind, _ in options):
        return {_sign(begun, chr(value)) for _, value in options}
    if begun.letters:
        return {_done(begun, closes=all(is_no_letter(option) for option in options))}
    if are_digits(options):
        return {_sign(begun, "1")}
    raise _UnknownError


def _repeated(value: Any, begun: set[_Begun]) -> set[_Begun]:
    low, high, inner = value
    after = _sequence(inner, begun)
    if high != 1:
        after = {each if each in begun else _done(each, closes=False) for each in after}
    return after | begun if low == 0 else after
