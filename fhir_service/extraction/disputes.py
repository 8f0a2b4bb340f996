"""Statements of a report that another part of it, or a reader in a comment, contradicts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from fhir_service.extraction.cohort_numbers import counts
from fhir_service.extraction.conflict import Conflict
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.lexicon import lexicon

_NOT_ABOUT = re.compile(
    r"\bthere\s(?:was|were)\s(?:absolutely\s)?no\s[\w-]+\s(?:at\sall\s)?in\s(?:these|those|either\sof\sthese|this)\s(?:studies|trials|study|trial)\b",
    re.IGNORECASE,
)
_STUDIES = re.compile(r"(?:[\w-]+\s){2,4}(?:trials|studies|trial|study)\b", re.IGNORECASE)
_ABBREVIATION = re.compile(r"\b(?P<short>[A-Z]{2,5})\s?(?:=|:)?\s?(?P<long>[a-z][a-z-]+(?:\s[a-z-]+){1,4})")
# fmt: off
_COMMON = frozenset({
    "this", "that", "with", "from", "after", "have", "been", "were", "patients", "patient", "cases", "case", "caused",
    "reported", "described", "literature", "never", "however", "which", "their", "also", "following", "related", "bone",
    "treated", "level", "adjacent", "fracture", "vertebral",
})
# fmt: on
_ANSWER_REACH = 3
_PAIR = re.compile(r"\b(?=(?P<first>[A-Za-z][a-z-]+)\s(?P<last>[a-z]+)\b)")
_WORDS_COMPARED = 2
_STEM = 5


@cache
def _class(name: str) -> re.Pattern[str]:
    return re.compile(lexicon("contradictions").pattern(name))


def read(document: Document) -> Iterator[Conflict]:
    """The disputes of a report, each rule at most once."""
    yield from _reported_after_all(document)
    yield from _quoted_and_denied(document)
    yield from _called_wrong(document)
    yield from _two_meanings(document)


def _reported_after_all(document: Document) -> Iterator[Conflict]:
    """`has never been reported`, and elsewhere patients of others who had it, in the same words."""
    for sentence in document.sentences:
        claim = _class("novel").search(sentence.text)
        if claim is None or sentence.section in (Section.COMMENT, Section.REFERENCES):
            continue
        subject = _pairs(sentence.text[: claim.start()])
        for other in document.of(Section.DISCUSSION):
            shared = [words for words in _pairs(other.text) if words in subject]
            counted = [c for c in counts(other.text) if c.value >= 1 and (c.noun or c.of is not None)]
            if other is sentence or not shared or not counted or not _cites(document, other):
                continue
            start = other.text.lower().find(shared[0])
            yield Conflict(
                rule="reported-after-all",
                detail=f"said never to have been reported, and told of patients of others: {shared[0]}",
                spans=(sentence.span(*claim.span()), other.span(start, start + len(shared[0]))),
            )
            return


def _pairs(text: str) -> list[str]:
    """Neighbouring words, three at a time, that carry meaning."""
    lower = text.lower()
    words = list(re.finditer(r"[a-z][a-z-]*", lower))
    found = []
    for first, second, third in zip(words, words[1:], words[2:], strict=False):
        meaning = [w for w in (first[0], second[0], third[0]) if len(w) > 3 and w not in _COMMON]
        if len(meaning) >= 2 and lower[first.end() : third.start()].replace(second[0], "").strip() == "":
            found.append(lower[first.start() : third.end()])
    return found


def _cites(document: Document, sentence: Sentence) -> bool:
    """Whether the sentence, or the one before it in the paragraph, tells what other authors saw."""
    before = [
        s
        for s in document.sentences[max(0, sentence.index - 1) : sentence.index + 1]
        if s.paragraph == sentence.paragraph
    ]
    return any(re.search(r"\bet\sal\b|\[\d", s.text) for s in before)


def _quoted_and_denied(document: Document) -> Iterator[Conflict]:
    """A comment quotes the studies of the article and says that they were not about it."""
    comments = document.of(Section.COMMENT)
    for place, sentence in enumerate(comments):
        denial = _NOT_ABOUT.search(sentence.text)
        if denial is None:
            continue
        quoted = [m[0].lower() for s in comments[max(0, place - 1) : place + 1] for m in _STUDIES.finditer(s.text)]
        for told in document.sentences:
            if told.section is Section.COMMENT:
                continue
            words = next((q for q in (_tail(q, told.text) for q in quoted) if q), None)
            if words:
                start = told.text.lower().find(words)
                yield Conflict(
                    rule="quoted-and-denied",
                    detail="a reader says that the studies the article rests on were not about this procedure",
                    spans=(told.span(start, start + len(words)), sentence.span(*denial.span())),
                )
                return


def _tail(quote: str, text: str) -> str | None:
    """The longest end of a quote, of three words and more, that stands in the text."""
    words = quote.split()
    for first in range(len(words) - 2):
        tail = " ".join(words[first:])
        if tail in text.lower():
            return tail
    return None


def _called_wrong(document: Document) -> Iterator[Conflict]:
    """A reader calls the text wrong, and a later comment says that it was changed."""
    comments = document.of(Section.COMMENT)
    for place, sentence in enumerate(comments):
        dispute = _class("dispute").search(sentence.text)
        if dispute is None:
            continue
        for later in comments[place + 1 :]:
            answer = _class("answered").search(later.text)
            if answer and later.heading != sentence.heading:
                yield Conflict(
                    rule="called-wrong",
                    detail="a reader calls the text wrong and an answer says that it was changed",
                    spans=(sentence.span(*dispute.span()), later.span(*answer.span())),
                )
                return
            if answer or (later.heading != sentence.heading and later.paragraph - sentence.paragraph > _ANSWER_REACH):
                break


def _two_meanings(document: Document) -> Iterator[Conflict]:
    """An abbreviation written out as one thing in the legend, and as another of the same letters in the text."""
    for table in document.tables:
        if not table.cells:
            continue
        for cell in table.cells:
            match = _ABBREVIATION.fullmatch(cell.text)
            if match is None or not any(re.search(rf"\b{match['short']}\b", s.text) for s in document.sentences):
                continue
            others = list(_other_meanings(document, match["short"], match["long"]))
            if others:
                sentence, start, end = others[0]
                yield Conflict(
                    rule="two-meanings",
                    detail=f"{match['short']} is {match['long']} in the table, {sentence.text[start:end]} in the text",
                    spans=(cell.span(0, len(cell.text)), *(told.span(a, b) for told, a, b in others)),
                )


def _other_meanings(document: Document, short: str, long: str) -> Iterator[tuple[Sentence, int, int]]:
    """Phrases of two words that share the letters and the last word of the long form, and are not it."""
    first, *_, last = _plain(long).split()
    if len(long.split()) != _WORDS_COMPARED:
        return
    for sentence in document.of(Section.CASE, Section.ABSTRACT):
        for match in _PAIR.finditer(sentence.text):
            one, other = _plain(match["first"]), _plain(match["last"])
            related = one[:_STEM] == first[:_STEM] and one != first and other == last
            if related and _spells(short, one + other):
                yield sentence, match.start("first"), match.end("last")


def _plain(words: str) -> str:
    return words.lower().replace("ae", "e").replace("oe", "e")


def _spells(short: str, words: str) -> bool:
    """Whether the letters stand in the words in this order."""
    position = -1
    for letter in short.lower():
        position = words.find(letter, position + 1)
        if position < 0:
            return False
    return True
