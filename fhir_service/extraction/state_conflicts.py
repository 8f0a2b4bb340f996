"""Statements about a patient's state that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from fhir_service.extraction import context
from fhir_service.extraction.analytes import readings
from fhir_service.extraction.conflict import Conflict
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.reports.case_report import Case, CaseReport, ObservationFact, Polarity

_NEAR = 3
"""Sentences that describe one examination."""
_CLAUSE = 60


@cache
def _class(name: str) -> Pattern:
    return compiled(lexicon("contradictions").pattern(name))


def read(document: Document, case_report: CaseReport) -> Iterator[Conflict]:
    """What a report says of a patient's state and cannot be so."""
    story = document.of(Section.CASE, Section.ABSTRACT)
    yield from _paralysed_with_power(story)
    yield from _relieved_and_unchanged(story)
    for case in case_report.case:
        yield from _denied_and_denied_in_part(case)


def _paralysed_with_power(story: Sequence[Sentence]) -> Iterator[Conflict]:
    """Paraplegia is no movement; a grade of 2 and more in the same examination is movement."""
    for place, sentence in enumerate(story):
        match = _class("paralysis").search(sentence.text)
        if match is None or _class("incomplete").search(sentence.text[max(0, match.start() - 20) : match.start()]):
            continue
        if context.polarity(sentence, *match.span()) is not Polarity.AFFIRMED:
            continue
        graded = [
            later.span(reading.start, reading.end)
            for later in story[place : place + _NEAR]
            if later.paragraph == sentence.paragraph
            for reading in readings(later.text)
            if reading.name.code == "mrc-muscle-grade" and reading.quantity.value >= 2
        ]
        if graded:
            yield Conflict(
                rule="paralysed-with-power",
                detail=f"{match[0]} is stated, and in the same examination muscle power of grade 2 and more",
                spans=(sentence.span(*match.span()), *graded),
            )


def _relieved_and_unchanged(story: Sequence[Sentence]) -> Iterator[Conflict]:
    """A neurological deficit that went while the weakness, which is such a deficit, stayed."""
    for place, sentence in enumerate(story):
        relieved = _said(sentence, "deficit", "relieved")
        if relieved is None:
            continue
        for later in story[place : place + 2]:
            unchanged = _said(later, "weakness", "unchanged")
            if unchanged is None:
                continue
            praised = [
                other.span(*match.span())
                for other in story
                if other.in_abstract != sentence.in_abstract
                for match in [_class("improved").search(other.text)]
                if match and context.polarity(other, *match.span()) is Polarity.AFFIRMED
            ]
            yield Conflict(
                rule="relieved-and-unchanged",
                detail="the neurological deficit is said to be relieved and the weakness to be unchanged",
                spans=(sentence.span(*relieved), later.span(*unchanged), *praised[:1]),
            )
            return


def _said(sentence: Sentence, subject: str, predicate: str) -> tuple[int, int] | None:
    """Where the sentence says this predicate of this subject, in one clause."""
    for noun in _class(subject).finditer(sentence.text):
        for verb in _class(predicate).finditer(sentence.text, noun.end()):
            between = sentence.text[noun.end() : verb.start()]
            if len(between) >= _CLAUSE or compiled(r"[;.]|\b(?:but|not)\b").search(between):
                continue
            if context.polarity(sentence, *noun.span()) is Polarity.AFFIRMED:
                return noun.start(), verb.end()
    return None


def _denied_and_denied_in_part(case: Case) -> Iterator[Conflict]:
    """`no leakage` and `no significant leakage` of one patient: the second allows for some."""
    denied = [o for o in case.observation if o.kind.code == "finding" and o.polarity is Polarity.NEGATED]
    for partly in denied:
        graded = _class("graded").match(partly.kind.text or "")
        head = _head(partly)
        if graded is None or not head:
            continue
        for fully in denied:
            if _head(fully) == head and not _class("graded").search(fully.kind.text or ""):
                yield Conflict(
                    rule="denied-in-part",
                    detail=f"{fully.kind.text} is denied in one place, only {partly.kind.text} in another",
                    spans=(fully.span[0], partly.span[0]),
                    implicated=(fully.id, partly.id),
                    patient=case.id,
                )
                return


def _head(finding: ObservationFact) -> str | None:
    hit = next((h for h in reversed(lexicon("findings").find(finding.kind.text or ""))), None)
    return (
        hit.code
        if hit and hit.code in ("leakage", "fracture", "tear", "compression", "infection", "bleeding")
        else None
    )
