"""Statements about anatomy, times, diagnosis and operations that exclude each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from fhir_service.extraction import context
from fhir_service.extraction.conflict import Conflict
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.levels import ORDER, find_levels
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.numbers import WORD_NUMBER
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.timeline import DAYS, Anchor, find_durations, find_times
from fhir_service.reports.case_report import CaseReport, Polarity, Relation
from fhir_service.reports.span import SourceSpan

_CORD = compiled(r"\bspinal\scord\b(?:\s[^\s.;:,()]+){0,8}?\s(?:at|of)\s(?:the\s)?(?:level\sof\s)?$", re.IGNORECASE)
_CONUS_ENDS = ORDER.index("L3")
_IMMEDIATE = compiled(
    rf"\bimmediate(?:ly)?\spost-?operative(?:ly)?\s(?:[\w-]+\s){{1,3}}?(?P<n>\d+|{WORD_NUMBER})\s(?:days?|weeks?|months?)\s(?:after|following)\s(?:the\s)?(?:surgery|operation|procedure)\b",
    re.IGNORECASE,
)
_INTERVAL = compiled(
    r"\binterval\sbetween\s(?:the\s)?(?:[\w-]+\s){1,4}?and\s(?:the\s)?(?:[\w-]+\s){0,3}?(?:surgery|operation|decompression)\b",
    re.IGNORECASE,
)
_AS_OURS = compiled(
    r"\bas\s(?:it\swas\s)?(?:done\s)?(?:in|with)\s(?:our|the\spresent|this)\s(?:own\s)?(?:case|patient)\b",
    re.IGNORECASE,
)


@cache
def _class(name: str) -> Pattern:
    return compiled(lexicon("contradictions").pattern(name))


def read(document: Document, case_report: CaseReport) -> Iterator[Conflict]:
    """What a report says of a course, an operation or anatomy and cannot be so."""
    story = document.of(Section.CASE, Section.ABSTRACT)
    yield from _cord_below_its_end(document.of(Section.CASE, Section.ABSTRACT, Section.CAPTION))
    yield from _immediate_after_days(story)
    if len(case_report.case) == 1 or len({s.heading for s in document.of(Section.CASE)}) <= 1:
        yield from _certain_and_possible(document)
        yield from _intervals(document)
        yield from _not_as_in_our_case(document)


# anatomy and time -----------------------------------------------------------------------------------------------------


def _cord_below_its_end(sentences: Sequence[Sentence]) -> Iterator[Conflict]:
    """The spinal cord ends above L3; what lies lower is dural sac and roots."""
    spans: list[SourceSpan] = []
    words = ""
    for sentence in sentences:
        for mention in find_levels(sentence.text):
            if min(ORDER.index(code) for code in mention.codes) < _CONUS_ENDS:
                continue
            cord = _CORD.search(sentence.text, 0, mention.start)
            if cord and context.polarity(sentence, cord.start(), cord.start() + 11) is Polarity.AFFIRMED:
                spans.append(sentence.span(cord.start(), mention.end))
                words = words or sentence.text[mention.start : mention.end]
    if spans:
        yield Conflict("cord-below-its-end", f"the spinal cord is placed at {words}, below where it ends", tuple(spans))


def _immediate_after_days(story: Sequence[Sentence]) -> Iterator[Conflict]:
    for sentence in story:
        for match in _IMMEDIATE.finditer(sentence.text):
            yield Conflict(
                rule="immediate-after-days",
                detail="the same event is called immediate and is dated days or more after the operation",
                spans=(sentence.span(*match.span()),),
            )


def _intervals(document: Document) -> Iterator[Conflict]:
    """An emergency operation on arrival, and an interval to the operation far from that to the arrival."""
    arrivals = [found for sentence in document.of(Section.CASE) for found in _arrival(sentence)]
    if not arrivals or not any(_emergency(sentence) for sentence in document.of(Section.CASE)):
        return
    for sentence in document.sentences:
        interval = _INTERVAL.search(sentence.text)
        if interval is None:
            continue
        for duration in find_durations(sentence.text[interval.end() :]):
            if duration.value is None:
                continue
            days = duration.value * DAYS[duration.unit]
            for arrived, span in arrivals:
                if days > 2 * arrived and days - arrived > 14:
                    end = interval.end() + duration.end
                    yield Conflict(
                        rule="interval",
                        detail=f"emergency operation on arrival after {arrived} days, elsewhere after {days} days",
                        spans=(span, sentence.span(interval.start(), end)),
                    )
                    return
            break


def _arrival(sentence: Sentence) -> Iterator[tuple[int, SourceSpan]]:
    verb = _class("arrival").search(sentence.text)
    for mention in find_times(sentence.text) if verb else ():
        counted = mention.relation is Relation.AFTER and mention.days is not None and mention.days >= 1
        named = mention.anchor in (Anchor.PROCEDURE, Anchor.SURGERY) or compiled(
            r"\s(?:after|following)\s(?:the\s)?(?:VP|PVP|PKP|KP|vertebroplasty|kyphoplasty)\b"
        ).match(sentence.text[mention.end :])
        if verb and counted and named and mention.days is not None:
            start, end = min(verb.start(), mention.start), max(verb.end(), mention.end)
            yield int(mention.days), sentence.span(start, end)


def _emergency(sentence: Sentence) -> bool:
    match = _class("emergency").search(sentence.text)
    return match is not None and _class("operation").search(sentence.text, match.end(), match.end() + 40) is not None


# diagnosis and operation ----------------------------------------------------------------------------------------------


def _certain_and_possible(document: Document) -> Iterator[Conflict]:
    """The fracture of the abstract is a fact there, and the case section only ever calls it possible."""
    told = [(s, h) for s in document.of(Section.CASE) for h in _fractures(s)]
    doubted = [(s, h) for s, h in told if context.read(s, h.start, h.end).provisional]
    if not doubted or any(context.polarity(s, h.start, h.end) is Polarity.AFFIRMED for s, h in told):
        return
    for sentence in document.of(Section.ABSTRACT):
        for hit in _fractures(sentence):
            if context.polarity(sentence, hit.start, hit.end) is Polarity.AFFIRMED:
                doubt, words = doubted[0]
                yield Conflict(
                    rule="certain-and-possible",
                    detail="the fracture is a fact in the abstract and a possibility in the case section",
                    spans=(
                        sentence.span(max(0, hit.start - 30), hit.end),
                        doubt.span(max(0, words.start - 40), words.end),
                    ),
                )
                return


def _fractures(sentence: Sentence) -> list[Hit]:
    return [hit for hit in lexicon("indications").find(sentence.text) if hit.term["group"] == "fracture"]


def _not_as_in_our_case(document: Document) -> Iterator[Conflict]:
    """An operation that is said to have been done `as in our case` and that the case section does not tell of."""
    case = document.of(Section.CASE)
    done = {hit.code: (s, hit) for s in reversed(case) for hit in lexicon("procedures").find(s.text)}
    for sentence in document.of(Section.DISCUSSION, Section.CONCLUSION):
        claim = _AS_OURS.search(sentence.text)
        if claim is None:
            continue
        clause = sentence.text.rfind(",", 0, claim.start()) + 1
        named = [
            h
            for h in lexicon("procedures").find(sentence.text[clause : claim.start()])
            if h.term["group"] == "operation"
        ]
        missing = [h for h in named if h.code not in done]
        present = [done[h.code] for h in named if h.code in done]
        if missing and present:
            told, hit = present[0]
            end = min(len(told.text), hit.end + 25)
            yield Conflict(
                rule="not-as-in-our-case",
                detail=f"{missing[0].code} is said to have been done in this case; the case section tells of none",
                spans=(sentence.span(clause + missing[0].start, claim.end()), told.span(hit.start, end)),
            )
