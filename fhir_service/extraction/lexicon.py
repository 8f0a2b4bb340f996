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
from fhir_service.extraction.phrases import KEY_LENGTH, WORD_END, Class, PhraseError, plain, read_class, read_phrase
from fhir_service.extraction.required_words import Anchor
from fhir_service.extraction.words import Words, beginnings, folded, need, once

_REMEMBERED = 30_000
"""Beginnings whose phrases are known; then it begins anew."""


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


class _Pattern:
    """A phrase of a term, compiled when it is first tried."""

    __slots__ = ("_source", "match", "term")

    def __init__(self, term: Term, source: str) -> None:
        self.term = term
        self._source = source
        self.match: Callable[[str, int], re.Match[str] | None] = self._first_match

    def expression(self) -> re.Pattern[str]:
        return re.compile(self._source)

    def _first_match(self, text: str, place: int) -> re.Match[str] | None:
        self.match = self.expression().match
        return self.match(text, place)


_Places = dict[str, list[tuple[int, tuple["_Pattern", ...]]]]


class _Vocabulary:
    """Phrases of some lexicons by what they begin with."""

    def __init__(self) -> None:
        self._by_beginning: dict[str, list[tuple[str, _Pattern]]] = {}
        self._known: dict[str, tuple[tuple[str, tuple[_Pattern, ...]], ...]] = {}

    def add(self, name: str, beginning: str, pattern: _Pattern) -> None:
        """A phrase of the lexicon `name`."""
        self._by_beginning.setdefault(beginning, []).append((name, pattern))

    def merge(self, other: _Vocabulary) -> None:
        """All phrases of another vocabulary."""
        for beginning, entries in other._by_beginning.items():
            self._by_beginning.setdefault(beginning, []).extend(entries)

    def words(self) -> Iterable[tuple[str, bool]]:
        """The first words of all phrases, each with whether it is the whole word."""
        for beginning in self._by_beginning:
            word = re.match(r"[^\W\d_]+", beginning)
            if word:
                yield word[0], word.end() < len(beginning)

    def places(self, text: str) -> _Places:
        """By name of lexicon, the places of a text at which phrases of it are to be tried, and those phrases."""
        read, known = plain(folded(text)), self._known
        places: _Places = {}
        for place, word in beginnings(text):
            beginning = read[place : place + KEY_LENGTH]
            found = known.get(beginning)
            if found is None:
                found = self._find(beginning, word)
            for name, patterns in found:
                if name in places:
                    places[name].append((place, patterns))
                else:
                    places[name] = [(place, patterns)]
        return places

    def _find(self, beginning: str, word: str) -> tuple[tuple[str, tuple[_Pattern, ...]], ...]:
        keys = [f"{word}{WORD_END}", *(beginning[:length] for length in range(1, len(beginning) + 1))]
        found: dict[str, dict[_Pattern, None]] = {}
        for key in keys:
            for name, pattern in self._by_beginning.get(key, ()):
                found.setdefault(name, {})[pattern] = None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        known = self._known[beginning] = tuple((name, tuple(patterns)) for name, patterns in found.items())
        return known


class Lexicon:
    """The terms of one file. `find` is leftmost-longest without overlaps, `find_all` gives every term's matches.

    What a sentence (`Words`) holds is looked up once.
    """

    def __init__(self, name: str, terms: Iterable[Term], classes: Mapping[str, Iterable[str]]) -> None:
        self.name = name
        self.terms = tuple(terms)
        self._order = {id(term): place for place, term in enumerate(self.terms)}
        self.vocabulary = _Vocabulary()
        self._anywhere: list[_Pattern] = []
        self.shared = False
        """Whether it is one of the catalogue, which are looked up together."""
        try:
            self._classes: dict[str, Class] = {}
            for key, words in classes.items():
                self._classes[key] = read_class(words, self._classes)
            for term in self.terms:
                for words in term.words:
                    self._add(term, words)
        except PhraseError as error:
            raise BrokenLexicon(f"lexicon {name}: {error}") from error
        anchors = frozenset(Anchor(word, True, whole) for word, whole in self.vocabulary.words())
        self._needed = need([anchors]) if anchors and not self._anywhere else 0

    def find_all(self, text: str) -> tuple[Hit, ...]:
        """Every match of every phrase, by position, the longest first; matches may overlap."""
        if type(text) is not Words:
            return self._search(text)
        if text.missing & self._needed:
            return ()
        found = text.found.get(self)
        if found is None:
            found = text.found[self] = self._search(text)
        hits: tuple[Hit, ...] = found
        return hits

    def find(self, text: str) -> list[Hit]:
        """Leftmost longest matches that do not overlap."""
        chosen: list[Hit] = []
        end = 0
        for hit in self.find_all(text):
            if hit.start >= end:
                chosen.append(hit)
                end = hit.end
        return chosen

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
        pattern = _Pattern(term, phrase.source)
        if phrase.beginnings is None:
            self._anywhere.append(pattern)
            return
        for beginning in phrase.beginnings:
            self.vocabulary.add(self.name, beginning, pattern)

    def _search(self, text: str) -> tuple[Hit, ...]:
        shared = self.shared and type(text) is Words
        places = _every_place(text).get(self.name, ()) if shared else self.vocabulary.places(text).get(self.name, ())
        if not places and not self._anywhere:
            return ()
        found: list[Hit] = []
        ends: dict[_Pattern, int] = {}
        for place, patterns in places:
            for pattern in patterns:
                if pattern in ends and place < ends[pattern]:
                    continue
                match = pattern.match(text, place)
                if match is not None:
                    ends[pattern] = end = match.end()
                    found.append(Hit(pattern.term, place, end))
        for pattern in self._anywhere:
            found += [Hit(pattern.term, *match.span()) for match in pattern.expression().finditer(text) if match[0]]
        return tuple(found) if len(found) < 2 else self._in_order(found)

    def _in_order(self, found: list[Hit]) -> tuple[Hit, ...]:
        """By place, the longest first, then as the file has them; what two phrases of a term say is said once."""
        order = self._order
        keyed = {(hit.start, -hit.end, order[id(hit.term)]): hit for hit in found}
        return tuple(keyed[key] for key in sorted(keyed))


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
def _vocabulary() -> _Vocabulary:
    together = _Vocabulary()
    for file in sorted((catalogue().root / "lexicons").glob("*.toml")):
        together.merge(lexicon(file.stem).vocabulary)
    return together


@once
def _every_place(text: str) -> _Places:
    return _vocabulary().places(text)


@cache
def lexicon(name: str) -> Lexicon:
    """The lexicon `mappings/lexicons/{name}.toml`, read once. Raises UnknownArtifact or BrokenLexicon."""
    known = read_lexicon(name, catalogue().lexicon(f"{name}.toml").read_text("utf-8"))
    known.shared = True
    return known
