"""Vocabularies as data: `mappings/lexicons/*.toml`, found in normalised text.

A file holds `[[term]]` tables (`code`, `words`, any further keys as attributes) and may hold a `[class]` table of
phrase lists that phrases name as `<class>`; the notation of phrases is in `phrases.py`. A phrase is tried only where a
word stands that it can begin with, so that a large vocabulary costs a sentence little; it is compiled when first tried.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from fhir_service.definitions.catalogue import catalogue
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.phrases import (
    KEY_LENGTH,
    PLAIN_WORDS,
    WORD_END,
    Class,
    PhraseError,
    plain,
    read_class,
    read_phrase,
)
from fhir_service.extraction.required_words import Anchor
from fhir_service.extraction.words import Words, is_apart, need

_WORD = re.compile(r"[^\W\d_]+")
_REMEMBERED = 3_000
"""Beginnings whose phrases are known, in each lexicon; then it begins anew."""


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


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A term found at `text[start:end]`."""

    term: Term
    start: int
    end: int

    @property
    def code(self) -> str:
        return self.term.code


class _Literal(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A phrase without any mark, which is found without an expression. `words` as `plain` has them."""

    term: Term
    words: str
    length: int


class _Pattern:
    """A phrase of a term, compiled when it is first tried."""

    __slots__ = ("_source", "match", "term")

    def __init__(self, term: Term, source: str) -> None:
        self.term = term
        self._source = source
        self.match: Callable[[str, int], re.Match[str] | None] = self._first_match

    def _first_match(self, text: str, place: int) -> re.Match[str] | None:
        self.match = re.compile(self._source).match
        return self.match(text, place)


_Tried = tuple[tuple[_Literal, ...], tuple[_Pattern, ...]]


class _Vocabulary:
    """Phrases of a lexicon by what they begin with."""

    def __init__(self) -> None:
        self._by_beginning: dict[str, list[_Literal | _Pattern]] = {}
        self._known: dict[str, _Tried] = {}

    def add(self, beginning: str, phrase: _Literal | _Pattern) -> None:
        """A phrase that may begin so."""
        self._by_beginning.setdefault(beginning, []).append(phrase)

    def first_words(self) -> frozenset[Anchor]:
        """What the first words of the phrases begin with, or are."""
        firsts = ((beginning, _WORD.match(beginning)) for beginning in self._by_beginning)
        return frozenset(Anchor(word[0], True, word.end() < len(text)) for text, word in firsts if word)

    def at(self, text: str, place: int) -> _Tried:
        """The phrases to be tried at the beginning of a word of a text, which is `plain`."""
        beginning = text[place : place + KEY_LENGTH]
        found = self._known.get(beginning)
        if found is None:
            found = self._find(beginning, text, place)
        return found

    def _find(self, beginning: str, text: str, place: int) -> _Tried:
        word = _WORD.match(text, place)
        keys = [beginning[:length] for length in range(1, len(beginning) + 1)]
        if word:
            keys.append(f"{word[0]}{WORD_END}")
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = {id(phrase): phrase for key in keys for phrase in self._by_beginning.get(key, ())}.values()
        known = self._known[beginning] = (
            tuple(phrase for phrase in found if isinstance(phrase, _Literal)),
            tuple(phrase for phrase in found if isinstance(phrase, _Pattern)),
        )
        return known


class Lexicon:
    """The terms of one file. `find` is leftmost-longest without overlaps, `find_all` gives every term's matches.

    What a sentence (`Words`) holds is looked up once.
    """

    def __init__(self, name: str, terms: Iterable[Term], classes: Mapping[str, Iterable[str]]) -> None:
        self.name = name
        self.terms = tuple(terms)
        self._order = {id(term): place for place, term in enumerate(self.terms)}
        self._vocabulary = _Vocabulary()
        self._anywhere: list[tuple[Term, Pattern]] = []
        """The phrases that need not begin with a letter."""
        try:
            self._classes: dict[str, Class] = {}
            for key, words in classes.items():
                self._classes[key] = read_class(words, self._classes)
            for term in self.terms:
                for words in term.words:
                    self._add(term, words)
        except PhraseError as error:
            raise BrokenLexicon(f"lexicon {name}: {error}") from error
        self._opens = need([self._vocabulary.first_words()])
        """Met by the words that a phrase can begin with."""

    def find_all(self, text: str) -> tuple[Hit, ...]:
        """Every match of every phrase, by position, the longest first; matches may overlap."""
        words = text if type(text) is Words else Words(text)
        found: tuple[Hit, ...] | None = words.found.get(self)
        if found is None:
            found = words.found[self] = self._search(words)
        return found

    def find(self, text: str) -> tuple[Hit, ...]:
        """Leftmost longest matches that do not overlap."""
        hits = self.find_all(text)
        if len(hits) < 2:
            return hits
        chosen: list[Hit] = []
        end = 0
        for hit in hits:
            if hit.start >= end:
                chosen.append(hit)
                end = hit.end
        return tuple(chosen)

    def first(self, text: str) -> Hit | None:
        """The leftmost longest match."""
        return next(iter(self.find_all(text)), None)

    def matches(self, text: str) -> bool:
        """Whether any term occurs."""
        return bool(self.find_all(text))

    def has(self, text: str, code: str) -> bool:
        """Whether any term of that code occurs."""
        return any(hit.term.code == code for hit in self.find_all(text))

    def pattern(self, class_name: str) -> str:
        """The regular expression source of one class."""
        return self._classes[class_name].source

    def _add(self, term: Term, words: str) -> None:
        phrase = read_phrase(words, self._classes)
        if phrase.beginnings is None:
            self._anywhere.append((term, compiled(phrase.source)))
            return
        literal = PLAIN_WORDS.fullmatch(words)
        tried = _Literal(term, plain(words), len(words)) if literal else _Pattern(term, phrase.source)
        for beginning in phrase.beginnings:
            self._vocabulary.add(beginning, tried)

    def _search(self, text: Words) -> tuple[Hit, ...]:
        found = self._beginning_with_a_word(text) if text.meets(self._opens) else []
        if not self._anywhere:
            return tuple(found)
        for term, pattern in self._anywhere:
            found += [Hit(term, *match.span()) for match in pattern.finditer(text) if match[0]]
        return tuple(self._in_order(found))

    def _beginning_with_a_word(self, text: Words) -> list[Hit]:
        opens, read, tried_at = self._opens, text.plain, self._vocabulary.at
        found: list[Hit] = []
        ends: dict[_Literal | _Pattern, int] = {}
        for place, bits in text.tokens:
            if not bits & opens:
                continue
            here: list[Hit] = []
            literals, patterns = tried_at(read, place)
            for literal in literals:
                end = place + literal.length
                if (
                    read.startswith(literal.words, place)
                    and is_apart(read, place, end)
                    and ends.get(literal, 0) <= place
                ):
                    ends[literal] = end
                    here.append(Hit(literal.term, place, end))
            for pattern in patterns:
                if pattern in ends and place < ends[pattern]:
                    continue
                match = pattern.match(text, place)
                if match is not None:
                    ends[pattern] = end = match.end()
                    here.append(Hit(pattern.term, place, end))
            found += here if len(here) < 2 else self._in_order(here)
        return found

    def _in_order(self, found: list[Hit]) -> list[Hit]:
        """By place, the longest first, then as the file has them; what two phrases of a term say is said once."""
        order = self._order
        keyed = {(hit.start, -hit.end, order[id(hit.term)]): hit for hit in found}
        return [keyed[key] for key in sorted(keyed)]


def read_lexicon(name: str, raw: str) -> Lexicon:
    """The Lexicon of a TOML text. Raises BrokenLexicon."""
    try:
        data = tomllib.loads(raw)
    except tomllib.TOMLDecodeError as error:
        raise BrokenLexicon(f"lexicon {name}: {error}") from error
    if unknown := set(data) - {"term", "class"}:
        raise BrokenLexicon(f"lexicon {name}: there are terms and classes, no {', '.join(sorted(unknown))}")
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
