"""Statements of a report that another part of it, or a reader in a comment, contradicts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from fhir_service.extraction.cohort_numbers import counts
from fhir_service.extraction.conflict import Conflict
from fhir_service.extraction.document import Cell, Document, Section, Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled

_NOT_ABOUT = compiled(
    r"\bthere\s(?:was|were)\s(?:absolutely\s)?no\s[\w-]+\s(?:at\sall\s)?in\s(?:these|those|either\sof\sthese|this)\s(?:studies|trials|study|trial)\b",
    re.IGNORECASE,
)
_STUDIES = compiled(r"(?:[\w-]+\s){2,4}(?:trials|studies|trial|study)\b", re.IGNORECASE)
_ABBREVIATION = compiled(r"(?P<short>[A-Z]{2,5})\s?(?:=|:)?\s?(?P<first>[a-z][a-z-]+)\s(?P<last>[a-z-]+)")
_CAPITALS = compiled(r"\b[A-Z]{2,5}\b")
_CITED = compiled(r"\bet\sal\b|\[\d")
_SHOWN = 6
"""Places of one phrase that a contradiction shows."""
# fmt: off
_COMMON = frozenset({
    "this", "that", "with", "from", "after", "have", "been", "were", "patients", "patient", "cases", "case", "caused",
    "reported", "described", "literature", "never", "however", "which", "their", "also", "following", "related", "bone",
    "treated", "level", "adjacent", "fracture", "vertebral",
})
# fmt: on
_ANSWER_REACH = 3
_PAIR = compiled(r"\b(?=(?P<first>[A-Za-z][a-z-]+)\s(?P<last>[a-z]+)\b)")
_STEM = 5


@cache
def _class(name: str) -> Pattern:
    return compiled(lexicon("contradictions").pattern(name))


def read(document: Document) -> Iterator[Conflict]:
    """The disputes of a report, each rule at most once."""
    yield from _reported_after_all(document)
    yield from _quoted_and_denied(document)
    yield from _called_wrong(document)
    yield from _two_meanings(document)


def _reported_after_all(document: Document) -> Iterator[Conflict]:
    """`has never been reported`, and elsewhere patients of others who had it, in the same words."""
    claims = [
        (sentence, claim)
        for sentence in document.sentences
        if sentence.section not in (Section.COMMENT, Section.REFERENCES)
        for claim in [_class("novel").search(sentence.text)]
        if claim
    ]
    told = _told_of_others(document) if claims else {}
    for sentence, claim in claims:
        for words in _pairs(sentence.text[: claim.start()]):
            other = told.get(words)
            if other is None or other is sentence:
                continue
            start = other.text.lower().find(words)
            yield Conflict(
                rule="reported-after-all",
                detail=f"said never to have been reported, and told of patients of others: {words}",
                spans=(sentence.span(*claim.span()), other.span(start, start + len(words))),
            )
            return


def _told_of_others(document: Document) -> dict[str, Sentence]:
    """Where the discussion first tells of patients of other authors, by the words it uses."""
    found: dict[str, Sentence] = {}
    before: Sentence | None = None
    for sentence in document.of(Section.DISCUSSION):
        # The authors are named in the sentence, or in the one before it.
        cited = _CITED.search(sentence.text) or (
            before is not None and before.paragraph == sentence.paragraph and _CITED.search(before.text)
        )
        before = sentence
        if cited and any(c.value >= 1 and (c.noun or c.of is not None) for c in counts(sentence.text)):
            for words in _pairs(sentence.text):
                found.setdefault(words, sentence)
    return found


def _pairs(text: str) -> list[str]:
    """Neighbouring words, three at a time, that carry meaning."""
    lower = text.lower()
    words = list(compiled(r"[a-z][a-z-]*").finditer(lower))
    found = []
    for first, second, third in zip(words, words[1:], words[2:], strict=False):
        meaning = [w for w in (first[0], second[0], third[0]) if len(w) > 3 and w not in _COMMON]
        if len(meaning) >= 2 and lower[first.end() : third.start()].replace(second[0], "").strip() == "":
            found.append(lower[first.start() : third.end()])
    return found


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
    written = _written_out(document)
    if not written:
        return
    others: dict[str, list[tuple[Sentence, int, int]]] = {}
    for sentence in document.of(Section.CASE, Section.ABSTRACT):
        for match in _PAIR.finditer(sentence.text):
            one, other = _plain(match["first"]), _plain(match["last"])
            meaning = written.get((one[:_STEM], other))
            if meaning is not None and one != _plain(meaning.long).split()[0] and _spells(meaning.short, one + other):
                others.setdefault(meaning.short, []).append((sentence, match.start("first"), match.end("last")))
    for meaning in written.values():
        told = others.get(meaning.short, [])
        if told:
            sentence, start, end = told[0]
            yield Conflict(
                rule="two-meanings",
                detail=f"{meaning.short} is {meaning.long} in the table, {sentence.text[start:end]} in the text",
                spans=(meaning.cell.span(0, len(meaning.cell.text)), *(s.span(a, b) for s, a, b in told[:_SHOWN])),
            )


@dataclass(frozen=True)
class _Meaning:
    """An abbreviation as the legend of a table writes it out, in two words."""

    cell: Cell
    short: str
    long: str


def _written_out(document: Document) -> dict[tuple[str, str], _Meaning]:
    """Abbreviations that the text uses, by the beginning of their first word and their last word."""
    used: set[str] = set()
    for sentence in document.sentences:
        used.update(_CAPITALS.findall(sentence.text))
    found: dict[tuple[str, str], _Meaning] = {}
    for table in document.tables:
        for cell in table.cells:
            match = _ABBREVIATION.fullmatch(cell.text)
            if match and match["short"] in used:
                first, last = _plain(match["first"]), _plain(match["last"])
                found.setdefault(
                    (first[:_STEM], last), _Meaning(cell, match["short"], f"{match['first']} {match['last']}")
                )
    return found


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
