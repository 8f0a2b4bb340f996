"""Vocabularies as data: `mappings/lexicons/*.toml`, found in normalised text.

A file holds `[[term]]` tables (`code`, `words`, any further keys as attributes) and may hold a `[class]` table of
phrase lists that phrases name as `<class>`; the notation of phrases is in `phrases.py`. A phrase is compiled when a
text first holds the word beginnings it needs, so that a large vocabulary costs a sentence little.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from fhir_service.definitions.catalogue import catalogue
from fhir_service.extraction.phrases import Class, PhraseError, read_class, read_phrase, word_beginnings

_REMEMBERED = 8192
"""Results kept for texts asked again: the modules ask the same sentences one after the other."""


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


class _Pattern:
    """A phrase of a term, compiled on first use."""

    def __init__(self, term: Term, source: str) -> None:
        self.term = term
        self.source = source
        self._compiled: re.Pattern[str] | None = None

    @property
    def expression(self) -> re.Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile(self.source)
        return self._compiled


_words_of = lru_cache(maxsize=_REMEMBERED)(word_beginnings)


class Lexicon:
    """The terms of one file. `find` is leftmost-longest without overlaps, `find_all` gives every term's matches."""

    def __init__(self, name: str, terms: Iterable[Term], classes: Mapping[str, Iterable[str]]) -> None:
        self.name = name
        self.terms = tuple(terms)
        self._by_key: dict[str, list[_Pattern]] = {}
        self._always: list[_Pattern] = []
        try:
            self._classes: dict[str, Class] = {}
            for key, words in classes.items():
                self._classes[key] = read_class(words, self._classes)
            for term in self.terms:
                for words in term.words:
                    self._add(term, words)
        except PhraseError as error:
            raise BrokenLexicon(f"lexicon {name}: {error}") from error
        self._find_all = lru_cache(maxsize=_REMEMBERED)(self._search)

    def find_all(self, text: str) -> list[Hit]:
        """Every match of every phrase, by position, the longest first; matches may overlap."""
        return list(self._find_all(text))

    def find(self, text: str) -> list[Hit]:
        """Leftmost longest matches that do not overlap."""
        chosen: list[Hit] = []
        for hit in self._find_all(text):
            if not chosen or hit.start >= chosen[-1].end:
                chosen.append(hit)
        return chosen

    def first(self, text: str) -> Hit | None:
        """The leftmost longest match."""
        return next(iter(self._find_all(text)), None)

    def matches(self, text: str) -> bool:
        """Whether any term occurs."""
        return bool(self._find_all(text))

    def has(self, text: str, code: str) -> bool:
        """Whether any term of that code occurs."""
        return any(hit.term.code == code for hit in self._find_all(text))

    def pattern(self, class_name: str) -> str:
        """The regular expression source of one class."""
        return self._classes[class_name].source

    def _add(self, term: Term, words: str) -> None:
        phrase = read_phrase(words, self._classes)
        pattern = _Pattern(term, phrase.source)
        if phrase.keys is None:
            self._always.append(pattern)
            return
        for key in phrase.keys:
            self._by_key.setdefault(key, []).append(pattern)

    def _search(self, text: str) -> tuple[Hit, ...]:
        found = {
            (match.start(), match.end(), id(pattern.term)): Hit(pattern.term, match.start(), match.end())
            for pattern in self._candidates(text)
            for match in pattern.expression.finditer(text)
            if match.end() > match.start()
        }
        order = {id(term): place for place, term in enumerate(self.terms)}
        return tuple(sorted(found.values(), key=lambda hit: (hit.start, -hit.end, order[id(hit.term)])))

    def _candidates(self, text: str) -> Iterator[_Pattern]:
        """The phrases that can occur in a text, each once."""
        seen: set[int] = set()
        for key in self._by_key.keys() & _words_of(text):
            for pattern in self._by_key[key]:
                if id(pattern) not in seen:
                    seen.add(id(pattern))
                    yield pattern
        yield from self._always


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
    """The lexicon `mappings/lexicons/{name}.toml`, read once. Raises UnknownArtifact or BrokenLexicon."""
    return read_lexicon(name, catalogue().lexicon(f"{name}.toml").read_text("utf-8"))
