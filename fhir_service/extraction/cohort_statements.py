"""What a report says of groups: percentages, n of N, counts, means and ranges, in its own words.

A count belongs to a whole where the print says so ("4 of 251"), where the parts of one sentence add up to a group told
of just before ("three recovered and one died", of four), or where its percentage stands beside it and a larger group
was told of in the same passage. Nothing is computed here; both what is counted and what is stated are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache

import msgspec

from fhir_service.extraction.cohort_measures import means, ranges
from fhir_service.extraction.cohort_memory import Memory
from fhir_service.extraction.cohort_numbers import Count, Share, counts, shares, words
from fhir_service.extraction.cohort_parts import fraction, parts_of, resolved
from fhir_service.extraction.cohort_words import clause, clean, item, population_of
from fhir_service.extraction.context import is_prose
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.narrative import names_patient
from fhir_service.extraction.numbers import WORD_NUMBER
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.quantities import quantities
from fhir_service.reports.case_report import Coded, GroupStatement

_SKIPPED = frozenset({Section.TITLE, Section.REFERENCES, Section.TABLE, Section.COMMENT})
_BESIDE = compiled(r"[\s,(]*(?:or|i\.e\.|that\sis|=|corresponding\sto|accounting\sfor)?[\s,(]*", re.IGNORECASE)
_OF_WHOM = compiled(r"%\s?\)?\s(?:of|in|among)\b")
_BRACKET = 4
_PASSAGE = 2
"""Paragraphs a group told of stays in mind."""


def read(document: Document) -> tuple[GroupStatement, ...]:
    """Every statement about a group, in reading order; what is stated twice alike is one with both spans."""
    memory: dict[bool, Memory] = {True: Memory(), False: Memory()}
    found: list[GroupStatement] = []
    for sentence in document.sentences:
        if sentence.section in _SKIPPED or not is_prose(sentence):
            continue
        told = memory[sentence.in_abstract]
        if not _numbered_words().is_possible(sentence.text):
            continue
        people = counts(sentence.text)
        found += [_with_whole(fact, sentence, people, told) for fact in _of_sentence(sentence, people, told)]
        _note(sentence, people, told)
    return tuple(
        msgspec.structs.replace(fact, id=f"0/statement-{number}") for number, fact in enumerate(_merged(found), 1)
    )


def _of_sentence(sentence: Sentence, people: Sequence[Count], memory: Memory) -> Iterator[GroupStatement]:
    text = sentence.text
    percents = shares(text)
    memory.numbers += [
        (sentence.paragraph, q.value) for q in quantities(text) if q.value == q.value.to_integral_value()
    ]
    used: set[int] = set()
    if not (sentence.section is Section.CASE and names_patient(text) and not people):
        yield from _percentages(sentence, percents, people, memory, used)
    yield from _counted(sentence, people, memory, used)
    yield from means(sentence)
    yield from ranges(sentence, memory)


def _note(sentence: Sentence, people: Sequence[Count], memory: Memory) -> None:
    for count in people:
        for group in (count.of, count.value):
            if group is not None and group > 1 and not count.none:
                memory.note(sentence.paragraph, group, sentence.span(count.start, count.end))


def _with_whole(fact: GroupStatement, sentence: Sentence, people: Sequence[Count], memory: Memory) -> GroupStatement:
    """The statement with the words that tell of the whole, where they stand before its own."""
    if fact.denominator is None:
        return fact
    told = [sentence.span(count.start, count.end) for count in people if fact.denominator in (count.of, count.value)]
    (own,) = fact.span
    if any(own.offset <= span.offset and span.end <= own.end for span in told):
        return fact
    before = [span for span in told if span.offset < own.offset]
    where = before[-1] if before else memory.said(fact.denominator)
    return fact if where is None else msgspec.structs.replace(fact, denominator_span=(where,))


@cache
def _numbered_words() -> Pattern:
    return compiled(rf"\d|\b{WORD_NUMBER}\b|\b(?:no|none|all|both)\b", re.IGNORECASE)


def _percentages(
    sentence: Sentence, percents: Sequence[Share], people: Sequence[Count], memory: Memory, used: set[int]
) -> Iterator[GroupStatement]:
    text = sentence.text
    for share in percents:
        count = _beside(text, share, people)
        start, end = item(text, share.start, share.end)
        numerator = denominator = None
        if share.of is not None:
            numerator, denominator = share.of
            used |= {c.start for c in people if (c.value, c.of) == share.of and 0 <= c.start - share.end < _BRACKET}
        elif count is not None and share.exact is not None:
            used.add(count.start)
            denominator = count.of or _whole(count, share.exact, sentence, people, memory)
            numerator = count.value if denominator is not None else None
            start = min(start, count.start)
        population = population_of(text, share)
        yield GroupStatement(
            id="",
            about=Coded(text=clean(text[start:end])),
            population=Coded(text=population) if population else None,
            percent=share.exact,
            percent_low=share.low if share.high is not None else None,
            percent_high=share.high,
            numerator=numerator,
            denominator=denominator,
            count=count.value if count is not None and numerator is None and share.exact is not None else None,
            span=(sentence.span(start, end),),
            rule="cohort_statements.percentage",
        )


def _beside(text: str, share: Share, people: Sequence[Count]) -> Count | None:
    """The count whose percentage this is: right before it, or what "n patients ... (x%)" counts in that clause."""
    for count in reversed([c for c in people if c.end <= share.start]):
        gap = text[count.end : share.start]
        if _BESIDE.fullmatch(gap):
            return count
        closed = text[share.start - 1 : share.start] == "("
        if closed and len(gap) < 70 and not compiled(r"[,;()]").search(gap[:-1]) and not count.everyone:
            return count
        return None
    return None


def _whole(
    count: Count, percent: Decimal, sentence: Sentence, people: Sequence[Count], memory: Memory
) -> Decimal | None:
    """The group a count with its own percentage is part of: one that the percentage fits, else the larger one told of
    last, in the same sentence or, where the percentage says of whom it is, in the same passage."""
    here = [c.of or c.value for c in people if c.end <= count.start and (c.of or c.value) > count.value]
    before = [value for value in memory.near(sentence.paragraph, _PASSAGE) if value > count.value]
    known = [*reversed(here), *before]
    fitting = [value for value in known if agrees(percent, count.value, value)]
    if fitting:
        return fitting[0]
    counted = [n for told, n in memory.numbers if 0 <= sentence.paragraph - told <= _PASSAGE and n > count.value]
    if any(agrees(percent, count.value, value) for value in counted):
        # The percentage is that of something else that was counted here, vertebrae perhaps.
        return None
    if here:
        return here[-1]
    return before[0] if before and _OF_WHOM.search(sentence.text, count.end) else None


def agrees(percent: Decimal, numerator: Decimal, denominator: Decimal) -> bool:
    """Whether a percentage is that of its counts, rounded or cut off at the places it is printed with."""
    exponent = percent.as_tuple().exponent
    step = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    return abs(100 * numerator / denominator - percent) < step


def _counted(sentence: Sentence, people: Sequence[Count], memory: Memory, used: set[int]) -> Iterator[GroupStatement]:
    if not people:
        return
    text = sentence.text
    if compiled(words("own")).search(text):
        people = [count for count in people if count.of is not None]
    people = [resolved(count, people, sentence, memory) for count in people]
    wholes = parts_of(people, sentence, memory)
    for count in people:
        if count.start in used:
            continue
        numerator, denominator, plain = fraction(count, people, wholes, sentence, memory)
        if numerator is None and (plain is None or count.definite or plain < 2):
            continue
        start, end = clause(text, count)
        yield GroupStatement(
            id="",
            about=Coded(text=clean(text[start:end])),
            population=Coded(text=count.noun.strip()) if count.noun else None,
            numerator=numerator,
            denominator=denominator,
            count=plain if numerator is None else None,
            span=(sentence.span(start, end),),
            rule="cohort_statements.fraction" if numerator is not None else "cohort_statements.count",
        )


def _merged(facts: Iterable[GroupStatement]) -> list[GroupStatement]:
    """The same numbers in the same words are one statement."""
    kept: dict[tuple[object, ...], GroupStatement] = {}
    for fact in facts:
        key = (
            (fact.about.text or "").lower(), fact.percent, fact.percent_low, fact.percent_high, fact.numerator,
            fact.denominator, fact.count, fact.mean, fact.low, fact.high, fact.unit,
        )  # fmt: skip
        known = kept.get(key)
        kept[key] = fact if known is None else msgspec.structs.replace(known, span=(*known.span, *fact.span))
    return list(kept.values())
