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
from fhir_service.extraction.phrases import KEY_LENGTH, Class, PhraseError, read_class, read_phrase
from fhir_service.extraction.required_words import Anchor
from fhir_service.extraction.words import Words, beginnings, need, once

_REMEMBERED = 8192
"""Beginnings of words whose phrases are known; then it begins anew."""


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


class Hit(msgspec.Struct, frozen=True):
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


class Lexicon:
    """The terms of one file. `find` is leftmost-longest without overlaps, `find_all` gives every term's matches.

    What a sentence (`Words`) holds is looked up once.
    """

    def __init__(self, name: str, terms: Iterable[Term], classes: Mapping[str, Iterable[str]]) -> None:
        self.name = name
        self.terms = tuple(terms)
        self._order = {id(term): place for place, term in enumerate(self.terms)}
        self._by_beginning: dict[str, list[_Pattern]] = {}
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
        self._needed = 0
        if self._by_beginning and not self._anywhere:
            keys = self._by_beginning
            self._needed = need([frozenset(Anchor(key.strip(), True, key.endswith(" ")) for key in keys)])

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
        for key in phrase.beginnings:
            self._by_beginning.setdefault(key, []).append(pattern)

    def _search(self, text: str) -> tuple[Hit, ...]:
        places = _every_place(text).get(self.name) if self.shared and type(text) is Words else self._places(text)
        found: list[Hit] = []
        ends: dict[_Pattern, int] = {}
        for place, patterns in places or ():
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

    def _places(self, text: str) -> list[tuple[int, tuple[_Pattern, ...]]]:
        places = [(place, self.to_try(f"{word} "[:KEY_LENGTH])) for place, word in beginnings(text)]
        return [each for each in places if each[1]]

    def to_try(self, beginning: str) -> tuple[_Pattern, ...]:
        """The phrases that can begin with a word that begins so, each once."""
        known = [self._by_beginning.get(beginning[:length], ()) for length in range(1, len(beginning) + 1)]
        return tuple(dict.fromkeys(pattern for some in known for pattern in some))

    def _in_order(self, found: list[Hit]) -> tuple[Hit, ...]:
        """By place, the longest first, then as the file has them; what two phrases of a term say is said once."""
        order = self._order
        keyed = {(hit.start, -hit.end, order[id(hit.term)]): hit for hit in found}
        return tuple(keyed[key] for key in sorted(keyed))


class _Vocabulary:
    """All lexicons of the catalogue: what of which is to be tried at a word."""

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        self._lexicons = tuple(lexicons)
        self._known: dict[str, tuple[tuple[str, tuple[_Pattern, ...]], ...]] = {}

    def at(self, word: str) -> tuple[tuple[str, tuple[_Pattern, ...]], ...]:
        """By name of lexicon, the phrases that can begin with this word."""
        beginning = f"{word} "[:KEY_LENGTH]
        known = self._known.get(beginning)
        if known is None:
            found = ((each.name, each.to_try(beginning)) for each in self._lexicons)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[beginning] = tuple(pair for pair in found if pair[1])
        return known


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
def _vocabulary() -> _Vocabulary:
    folder = catalogue().root / "lexicons"
    return _Vocabulary(lexicon(file.stem) for file in sorted(folder.glob("*.toml")))


@once
def _every_place(text: str) -> dict[str, list[tuple[int, tuple[_Pattern, ...]]]]:
    """By name of lexicon, the places of a text at which phrases of it are to be tried."""
    at = _vocabulary().at
    places: dict[str, list[tuple[int, tuple[_Pattern, ...]]]] = {}
    for place, word in beginnings(text):
        for name, patterns in at(word):
            places.setdefault(name, []).append((place, patterns))
    return places


@cache
def lexicon(name: str) -> Lexicon:
    """The lexicon `mappings/lexicons/{name}.toml`, read once. Raises UnknownArtifact or BrokenLexicon."""
    known = read_lexicon(name, catalogue().lexicon(f"{name}.toml").read_text("utf-8"))
    known.shared = True
    return known
