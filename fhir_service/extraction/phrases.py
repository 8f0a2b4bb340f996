"""The phrase notation of lexicons: a phrase to a regular expression, and to what its matches begin with.

a b      a blank stands for one blank or one hyphen
leak*    any ending of a word
[x]      x may be missing ("a [b ]c")   (a|b)    either; [a|b] either or neither
<name>   any phrase of that class       ..       up to four words in between, inside one clause
#        a number                       =PE      the whole phrase in exactly this case
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

_TOKEN = re.compile(r"<(?P<name>[\w-]+)>|(?P<gap> ?\.\. ?)|(?P<mark>[\[\]()|*# ])|(?P<text>[^<\[\]()|*# .]+|\.)")
_GAP = r"(?:[ -][^\s.,;:()]+){0,4}?[ -]"
_SIMPLE = {"*": r"[\w']*", "#": r"\d+(?:[.,]\d+)?", " ": "[ -]"}
_CLOSING = {"[": "]", "(": ")"}
PLAIN_WORDS = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*")
"""A phrase without any mark."""
_LETTERS = re.compile(r"[^\W\d_]+")
KEY_LENGTH = 8
"""Letters of a beginning that are looked at."""
WORD_END = "$"
"""Closes the beginning of a phrase that is one whole word."""
_MOST_STARTS = 60


class PhraseError(ValueError):
    """A phrase does not keep to the notation."""


class Class(NamedTuple):
    """A named list of phrases: its expression, and how its phrases begin."""

    source: str
    beginnings: frozenset[str] | None


class _Node(NamedTuple):
    kind: str
    """`text`, `gap`, `class`, `either` (with or without `optional`), or one of the simple marks."""
    value: str = ""
    optional: bool = False
    branches: tuple[tuple[_Node, ...], ...] = ()


class Phrase(NamedTuple):
    """A phrase as read: the expression of its words, whether in exactly this case, and what it may begin with (None:
    any sign)."""

    body: str
    exact: bool
    beginnings: frozenset[str] | None

    @property
    def source(self) -> str:
        """The expression of the whole phrase."""
        return _apart(self.body, exact=self.exact)


def read_phrase(phrase: str, classes: Mapping[str, Class]) -> Phrase:
    """Raises PhraseError."""
    if PLAIN_WORDS.fullmatch(phrase):
        beginning = _key(_Start(plain(phrase)[:KEY_LENGTH]))
        return Phrase(phrase.replace(" ", _SIMPLE[" "]), exact=False, beginnings=frozenset({beginning}))
    exact = phrase.startswith("=")
    nodes = _parse(phrase[1:] if exact else phrase)
    return Phrase(_source(nodes, classes), exact, _beginnings(nodes, classes))


def read_class(phrases: Iterable[str], classes: Mapping[str, Class]) -> Class:
    """The class of these phrases, which may name classes read before."""
    read = [read_phrase(phrase, classes) for phrase in sorted(phrases, key=len, reverse=True)]
    known: frozenset[str] | None = frozenset()
    for phrase in read:
        known = None if known is None or phrase.beginnings is None else known | phrase.beginnings
    alike = [(exact, "|".join(p.body for p in some)) for exact, some in groupby(read, key=lambda phrase: phrase.exact)]
    return Class("(?:" + "|".join(_apart(bodies, exact=exact) for exact, bodies in alike) + ")", known)


def _apart(body: str, *, exact: bool) -> str:
    return f"(?<!\\w)(?:{body})(?!\\w)" if exact else f"(?<!\\w)(?i:{body})(?!\\w)"


# reading -------------------------------------------------------------------------------------------------------------


def _parse(body: str) -> tuple[_Node, ...]:
    tokens: list[re.Match[str]] = []
    position = 0
    while position < len(body):
        token = _TOKEN.match(body, position)
        if token is None:
            raise PhraseError(f"{body!r} cannot be read at {position}")
        tokens.append(token)
        position = token.end()
    nodes, end = _sequence(tokens, 0, "")
    if end != len(tokens) or len(nodes) != 1:
        raise PhraseError(f"{body!r} has a bracket or bar too many")
    return nodes[0]


def _sequence(tokens: Sequence[re.Match[str]], at: int, closing: str) -> tuple[list[tuple[_Node, ...]], int]:
    """The branches up to the closing bracket, and the place behind it."""
    branches: list[tuple[_Node, ...]] = []
    nodes: list[_Node] = []
    while at < len(tokens):
        token = tokens[at]
        mark = token["mark"]
        at += 1
        if mark and mark == closing:
            return [*branches, tuple(nodes)], at
        if mark == "|" and closing:
            branches.append(tuple(nodes))
            nodes = []
        elif mark in _CLOSING:
            inner, at = _sequence(tokens, at, _CLOSING[mark])
            nodes.append(_Node("either", optional=mark == "[", branches=tuple(inner)))
        elif mark in _SIMPLE:
            nodes.append(_Node(mark))
        elif mark:
            raise PhraseError(f"{token.string!r} has a {mark!r} out of place")
        elif token["gap"]:
            nodes.append(_Node("gap"))
        else:
            nodes.append(_Node("class", token["name"]) if token["name"] else _Node("text", token["text"]))
    if closing:
        raise PhraseError(f"a {closing!r} is missing")
    return [*branches, tuple(nodes)], at


def _source(nodes: Sequence[_Node], classes: Mapping[str, Class]) -> str:
    return "".join(_node_source(node, classes) for node in nodes)


def _node_source(node: _Node, classes: Mapping[str, Class]) -> str:
    if node.kind == "text":
        return re.escape(node.value)
    if node.kind == "gap":
        return _GAP
    if node.kind == "class":
        if node.value not in classes:
            raise PhraseError(f"there is no class {node.value}")
        return classes[node.value].source
    if node.kind == "either":
        inner = "|".join(_source(branch, classes) for branch in node.branches)
        return f"(?:{inner})?" if node.optional else f"(?:{inner})"
    return _SIMPLE[node.kind]


# beginnings ----------------------------------------------------------------------------------------------------------


class _Start(NamedTuple):
    """What a phrase may begin with; `closed` where nothing can be added."""

    letters: str
    closed: bool = False


_ANYTHING = _Start("", closed=True)


def plain(text: str) -> str:
    """Text as beginnings are compared: in lower case, a hyphen like a blank."""
    return text.lower().replace("-", " ")


def _beginnings(nodes: Sequence[_Node], classes: Mapping[str, Class]) -> frozenset[str] | None:
    """One of these begins every match, as `plain` has it; None where it need not begin with a letter."""
    starts = _starts(nodes, classes)
    if not all(_LETTERS.match(start.letters) for start in starts):
        return None
    return frozenset(_key(start) for start in starts)


def _key(start: _Start) -> str:
    ends = not start.closed and len(start.letters) < KEY_LENGTH and _LETTERS.fullmatch(start.letters)
    return f"{start.letters}{WORD_END}" if ends else start.letters[:KEY_LENGTH]


def _starts(nodes: Sequence[_Node], classes: Mapping[str, Class]) -> set[_Start]:
    starts = {_Start("")}
    for node in nodes:
        if all(start.closed for start in starts):
            break
        more = _node_starts(node, classes)
        longer = {each for start in starts for each in _followed(start, more)}
        starts = longer if len(longer) <= _MOST_STARTS else {_Start(start.letters, closed=True) for start in starts}
    return starts


def _followed(start: _Start, more: set[_Start]) -> Iterable[_Start]:
    if start.closed:
        return (start,)
    return [
        _Start(letters, each.closed or len(letters) >= KEY_LENGTH)
        for each in more
        for letters in (start.letters + each.letters,)
    ]


def _node_starts(node: _Node, classes: Mapping[str, Class]) -> set[_Start]:
    if node.kind in ("text", " "):
        return {_Start(plain(node.value or " "))}
    if node.kind == "gap":
        return {_Start(" ", closed=True)}
    if node.kind == "class":
        known = classes[node.value].beginnings
        return {_ANYTHING} if known is None else {_of_class(key) for key in known}
    if node.kind == "either":
        inner = set().union(*(_starts(branch, classes) for branch in node.branches))
        return inner | {_Start("")} if node.optional else inner
    return {_ANYTHING}


def _of_class(key: str) -> _Start:
    return _Start(key[:-1]) if key.endswith(WORD_END) else _Start(key, closed=True)
