"""Vocabularies as data: `mappings/lexicons/*.toml`, compiled once, found in normalised text.

A file holds `[[term]]` tables (`code`, `words`, any further keys as attributes) and may hold a `[class]` table of
word lists that phrases name as `<class>`. A phrase is literal words, matched whole and in any case, in this notation:

    a b      a blank stands for one blank or one hyphen
    leak*    any ending of a word
    [x]      x may be missing ("a [b ]c")   (a|b)    either
    <name>   any phrase of that class     ..       up to four words in between, inside one clause
    #        a number                     =PE      the whole phrase in exactly this case
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fhir_service.definitions.catalogue import catalogue

_TOKEN = re.compile(r"<(?P<class>[\w-]+)>|(?P<gap> ?\.\. ?)|(?P<mark>[\[\]()|*# ])|(?P<text>[^<\[\]()|*# .]+|\.)")
_MARKS = {
    "[": "(?:",
    "]": ")?",
    "(": "(?:",
    ")": ")",
    "|": "|",
    "*": r"[\w']*",
    "#": r"\d+(?:[.,]\d+)?",
    " ": "[ -]",
}
_GAP = r"(?:[ -][^\s.,;:()]+){0,4}?[ -]"


class BrokenLexicon(ValueError):
    """A lexicon file does not keep to its grammar; the message names the file and the phrase."""


@dataclass(frozen=True)
class Term:
    """One entry: what a match means (`code`), and the file's further keys (`attributes`)."""

    code: str
    words: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.attributes.get(key)


@dataclass(frozen=True)
class Hit:
    """A term found at `text[start:end]`."""

    term: Term
    start: int
    end: int

    @property
    def code(self) -> str:
        return self.term.code


class Lexicon:
    """The terms of one file. `find` is leftmost-longest without overlaps, `find_all` gives every term's matches."""

    def __init__(self, name: str, terms: Iterable[Term], classes: Mapping[str, Iterable[str]]) -> None:
        self.name = name
        self.terms = tuple(terms)
        self._classes = {key: _alternatives(words, {}) for key, words in classes.items()}
        try:
            self._patterns = [(term, re.compile(_term_pattern(term, self._classes))) for term in self.terms]
            self._by_code = {code: self._together(code) for code in {term.code for term in self.terms}}
        except (re.error, KeyError) as error:
            raise BrokenLexicon(f"lexicon {name}: {error}") from error

    def _together(self, code: str) -> re.Pattern[str]:
        return re.compile("|".join(pattern.pattern for term, pattern in self._patterns if term.code == code))

    def find_all(self, text: str) -> list[Hit]:
        """Every match of every term, by position; matches may overlap."""
        hits = [
            Hit(term, match.start(), match.end())
            for term, pattern in self._patterns
            for match in pattern.finditer(text)
        ]
        hits.sort(key=lambda hit: (hit.start, -hit.end))
        return hits

    def find(self, text: str) -> list[Hit]:
        """Leftmost longest matches that do not overlap."""
        chosen: list[Hit] = []
        for hit in self.find_all(text):
            if not chosen or hit.start >= chosen[-1].end:
                chosen.append(hit)
        return chosen

    def first(self, text: str) -> Hit | None:
        """The leftmost longest match."""
        return next(iter(self.find(text)), None)

    def matches(self, text: str) -> bool:
        """Whether any term occurs."""
        return any(pattern.search(text) for _, pattern in self._patterns)

    def has(self, text: str, code: str) -> bool:
        """Whether any term of that code occurs."""
        return self._by_code[code].search(text) is not None

    def pattern(self, class_name: str) -> str:
        """The regular expression source of one class."""
        return self._classes[class_name]


def phrase_pattern(phrase: str, classes: Mapping[str, str]) -> str:
    """The regular expression source of one phrase. Raises KeyError for an unknown class, re.error when compiled."""
    exact = phrase.startswith("=")
    parts: list[str] = []
    body = phrase[1:] if exact else phrase
    position = 0
    while position < len(body):
        token = _TOKEN.match(body, position)
        if token is None:
            raise re.error(f"cannot read phrase {phrase!r} at {position}")
        position = token.end()
        if token["class"]:
            parts.append(classes[token["class"]])
        elif token["gap"]:
            parts.append(_GAP)
        elif token["mark"]:
            parts.append(_MARKS[token["mark"]])
        else:
            parts.append(re.escape(token["text"]))
    edge = f"(?:{''.join(parts)})"
    return f"(?<!\\w){edge}(?!\\w)" if exact else f"(?<!\\w)(?i:{edge})(?!\\w)"


def _alternatives(words: Iterable[str], classes: Mapping[str, str]) -> str:
    return "(?:" + "|".join(phrase_pattern(word, classes) for word in sorted(words, key=len, reverse=True)) + ")"


def _term_pattern(term: Term, classes: Mapping[str, str]) -> str:
    return _alternatives(term.words, classes)


def read_lexicon(name: str, raw: str) -> Lexicon:
    """The Lexicon of a TOML text. Raises BrokenLexicon."""
    try:
        data = tomllib.loads(raw)
    except tomllib.TOMLDecodeError as error:
        raise BrokenLexicon(f"lexicon {name}: {error}") from error
    terms = []
    for entry in data.get("term", []):
        if not isinstance(entry.get("code"), str) or not isinstance(entry.get("words"), list) or not entry["words"]:
            raise BrokenLexicon(f"lexicon {name}: a term needs a code and words: {entry}")
        rest = {key: value for key, value in entry.items() if key not in ("code", "words")}
        terms.append(Term(entry["code"], tuple(entry["words"]), rest))
    return Lexicon(name, terms, data.get("class", {}))


@cache
def lexicon(name: str) -> Lexicon:
    """The lexicon `mappings/lexicons/{name}.toml`, compiled once. Raises UnknownArtifact or BrokenLexicon."""
    return read_lexicon(name, catalogue().lexicon(f"{name}.toml").read_text("utf-8"))
