"""The phrase notation of lexicons: a phrase to a regular expression, and to the word beginnings it cannot do without.

a b      a blank stands for one blank or one hyphen
leak*    any ending of a word
[x]      x may be missing ("a [b ]c")   (a|b)    either; [a|b] either or neither
<name>   any phrase of that class       ..       up to four words in between, inside one clause
#        a number                       =PE      the whole phrase in exactly this case
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"<(?P<name>[\w-]+)>|(?P<gap> ?\.\. ?)|(?P<mark>[\[\]()|*# ])|(?P<text>[^<\[\]()|*# .]+|\.)")
_GAP = r"(?:[ -][^\s.,;:()]+){0,4}?[ -]"
_SIMPLE = {"*": r"[\w']*", "#": r"\d+(?:[.,]\d+)?", " ": "[ -]"}
_CLOSING = {"[": "]", "(": ")"}
_LETTERS = re.compile(r"[^\W\d_]+")
KEY_LENGTH = 4


class PhraseError(ValueError):
    """A phrase does not keep to the notation."""


@dataclass(frozen=True)
class Class:
    """A named list of phrases: its expression, and its keys (None where it has none that hold)."""

    source: str
    keys: frozenset[str] | None


@dataclass(frozen=True)
class _Node:
    kind: str
    """`text`, `gap`, `class`, `either` (with or without `optional`), or one of the simple marks."""
    value: str = ""
    optional: bool = False
    branches: tuple[tuple[_Node, ...], ...] = ()


@dataclass(frozen=True)
class Phrase:
    """A phrase as read: its expression source and keys."""

    source: str
    keys: frozenset[str] | None


def read_phrase(phrase: str, classes: Mapping[str, Class]) -> Phrase:
    """Raises PhraseError."""
    exact = phrase.startswith("=")
    nodes = _parse(phrase[1:] if exact else phrase)
    body = _source(nodes, classes)
    source = f"(?<!\\w)(?:{body})(?!\\w)" if exact else f"(?<!\\w)(?i:{body})(?!\\w)"
    return Phrase(source, _keys(nodes, classes))


def read_class(phrases: Iterable[str], classes: Mapping[str, Class]) -> Class:
    """The class of these phrases, which may name classes read before."""
    read = [read_phrase(phrase, classes) for phrase in sorted(phrases, key=len, reverse=True)]
    keys: frozenset[str] | None = frozenset()
    for phrase in read:
        keys = None if keys is None or phrase.keys is None else keys | phrase.keys
    return Class("(?:" + "|".join(phrase.source for phrase in read) + ")", keys)


def word_beginnings(text: str) -> set[str]:
    """What a text offers against keys: the beginnings of its words, up to KEY_LENGTH letters."""
    return {word[:length] for word in _LETTERS.findall(text.lower()) for length in range(1, KEY_LENGTH + 1)}


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


# keys ----------------------------------------------------------------------------------------------------------------


def _keys(nodes: Sequence[_Node], classes: Mapping[str, Class]) -> frozenset[str] | None:
    """Word beginnings one of which must stand in any text the phrase matches; None where nothing can be said."""
    best: frozenset[str] | None = None
    at_start = True
    for node in nodes:
        found = _node_keys(node, classes) if at_start and not node.optional else None
        if found is not None and _better(found, best):
            best = found
        at_start = _starts_word(node, at_start)
    return best


def _node_keys(node: _Node, classes: Mapping[str, Class]) -> frozenset[str] | None:
    if node.kind == "text":
        word = _LETTERS.match(node.value.lower())
        return frozenset({word[0][:KEY_LENGTH]}) if word else None
    if node.kind == "class":
        return classes[node.value].keys
    if node.kind == "either":
        parts = [_keys(branch, classes) for branch in node.branches]
        return None if any(part is None for part in parts) else frozenset().union(*(part for part in parts if part))
    return None


def _starts_word(node: _Node, at_start: bool) -> bool:
    """Whether what follows the node begins a word in every case."""
    if node.kind in (" ", "gap"):
        return True
    if node.kind == "either":
        ends = all(bool(branch) and branch[-1].kind in (" ", "gap") for branch in node.branches)
        return ends and (at_start or not node.optional)
    return False


def _better(found: frozenset[str], best: frozenset[str] | None) -> bool:
    def rank(keys: frozenset[str]) -> tuple[int, int]:
        return min(len(key) for key in keys), -len(keys)

    return best is None or rank(found) > rank(best)
