"""When something was measured or found, counted from the patient's index or revision procedure.

The words beside the value lead ("preoperatively", "on the second postoperative day"); where they name no operation,
the one told of last is meant, and "preoperative" means the one to come where the story has gone past the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from fhir_service.extraction.document import Section, Sentence, read_once
from fhir_service.extraction.levels import ORDER, between
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import Anchor, TimeMention, find_durations, find_times
from fhir_service.reports.case_report import Polarity, ProcedureFact, Relation, RelativeTime

_BRACKETED = compiled(r"\((?:at\s|after\s)?([^()]{3,20})\)")
_BARE_DAY = compiled(r"\b(?:day|d)\s?(?P<n>\d{1,3})\b", re.IGNORECASE)
_BARE = compiled(r"\b(?:before|after)\b(?=\s(?:and|to)\s|\s?[,;.)])", re.IGNORECASE)
"""`9 before and 3 after`: of the operation that the sentence, or the one before it, told of."""


@dataclass(frozen=True)
class Timepoint:
    """A time at `start` to `end` of a sentence; `code` of timepoints.toml, or `counted` with the mention."""

    code: str
    start: int
    end: int
    mention: TimeMention | None = None


class Operations:
    """One patient's procedures, prior, index and revision, and where each telling (abstract, case) first comes to
    them."""

    def __init__(self, procedures: Iterable[ProcedureFact], sentences: Iterable[Sentence] = ()) -> None:
        done = [p for p in procedures if p.polarity is not Polarity.NEGATED]
        self.indices = tuple(p for p in done if p.role == "index")
        self.index = next(iter(self.indices), None)
        self.revision = next((p for p in done if p.role == "revision"), None)
        self.prior = next((p for p in done if p.role == "prior"), None)
        self._first: dict[tuple[str, bool], int] = {}
        starts = {span.offset: p.id for p in (self.prior, *self.indices, self.revision) if p for span in p.span}
        for sentence in sentences:
            if sentence.section in (Section.CASE, Section.ABSTRACT):
                for offset, procedure in starts.items():
                    if sentence.start <= offset < sentence.end:
                        key = (procedure, sentence.in_abstract)
                        self._first[key] = min(offset, self._first.get(key, offset))

    @property
    def bridges(self) -> bool:
        """Whether the index operation spans the broken vertebra, as screws above and below it do."""
        terms = lexicon("procedures").terms
        return any(term["bridges"] and term.code == p.kind.code for p in self.indices for term in terms)

    @cached_property
    def treated(self) -> frozenset[str]:
        """The vertebrae an index operation was at, or reached across."""
        codes = [level.code for p in self.indices for level in p.level]
        if codes and self.bridges:
            order = sorted(codes, key=ORDER.index)
            return frozenset(between(order[0], order[-1]))
        return frozenset(codes)

    def told(self, procedure: ProcedureFact | None, sentence: Sentence, position: int) -> bool:
        """Whether the procedure was already told of, in this telling, before `position` of the sentence."""
        if procedure is None:
            return False
        first = self._first.get((procedure.id, sentence.in_abstract))
        if sentence.section not in (Section.CASE, Section.ABSTRACT):
            return True
        here = sentence.span(position, position + 1).offset if position < len(sentence.text) else sentence.end
        return first is not None and first < here

    def only_prior_told(self, sentence: Sentence, position: int) -> bool:
        """Whether the story has come to an earlier operation and not yet to the index procedure."""
        return (
            sentence.section in (Section.CASE, Section.ABSTRACT)
            and self.told(self.prior, sentence, position)
            and not self.told(self.index, sentence, position)
        )


@read_once
def timepoints(sentence: Sentence) -> Sequence[Timepoint]:
    """Every time a sentence names, counted or not, in order; a counted one covers the words it holds."""
    counted = [Timepoint("counted", m.start, m.end, m) for m in find_times(sentence.text)]
    found = list(counted)
    for hit in lexicon("timepoints").find(sentence.text):
        if not any(point.start < hit.end and hit.start < point.end for point in counted):
            found.append(Timepoint(hit.code, hit.start, hit.end))
    found += _in_brackets(sentence.text, found)
    for match in _BARE.finditer(sentence.text):
        if not any(point.start < match.end() and match.start() < point.end for point in found):
            found.append(Timepoint(match[0].lower(), match.start(), match.end()))
    found.sort(key=lambda point: point.start)
    return tuple(found)


def _in_brackets(text: str, known: Iterable[Timepoint]) -> list[Timepoint]:
    """`3 (1 week), 2 (day 5)`: an amount of time alone in brackets, after the operation."""
    amounts = [*bare_amounts(text, known), *_bare_days(text, known)]
    brackets = [match.span(1) for match in _BRACKETED.finditer(text)]
    return [point for point in amounts if (point.start, point.end) in brackets]


def bare_amounts(text: str, known: Iterable[Timepoint]) -> list[Timepoint]:
    """The amounts of time that belong to none of the times `known`, each counted from the operation."""
    return [
        _after_operation(duration.start, duration.end, duration.value, duration.unit)
        for duration in find_durations(text)
        if duration.value is not None and not _overlaps(duration.start, duration.end, known)
    ]


def _bare_days(text: str, known: Iterable[Timepoint]) -> list[Timepoint]:
    return [
        _after_operation(match.start(), match.end(), Decimal(match["n"]), "d")
        for match in _BARE_DAY.finditer(text)
        if not _overlaps(match.start(), match.end(), known)
    ]


def _after_operation(start: int, end: int, value: Decimal, unit: str) -> Timepoint:
    mention = TimeMention(start, end, Relation.AFTER, Anchor.SURGERY, value, unit=unit)
    return Timepoint("counted", start, end, mention)


def _overlaps(start: int, end: int, points: Iterable[Timepoint]) -> bool:
    return any(point.start < end and start < point.end for point in points)


def relative_time(
    sentence: Sentence, point: Timepoint | None, operations: Operations, position: int
) -> RelativeTime | None:
    """The RelativeTime of a timepoint, or of the place in the story where no words say it."""
    if point is None:
        return _by_story(sentence, operations, position)
    if point.mention is not None:
        return _counted(sentence, point, point.mention, operations)
    relation, event = _named(sentence, point, operations)
    if event is None:
        return None
    at_once = point.code == "at-once"
    return RelativeTime(
        relation=relation,
        event=event.id,
        value=Decimal(0) if at_once else None,
        unit="h" if at_once else None,
        span=(sentence.span(point.start, point.end),),
        rule=f"timepoints.{point.code}",
    )


def _named(sentence: Sentence, point: Timepoint, operations: Operations) -> tuple[Relation, ProcedureFact | None]:
    index, revision = operations.index, operations.revision
    words = sentence.text[point.start : point.end].lower()
    names_index = "plasty" in words or words.endswith(("vp", "pkp", "bkp", "augmentation"))
    if not names_index and operations.only_prior_told(sentence, point.start):
        return Relation.BEFORE if point.code == "before" else Relation.AFTER, operations.prior
    if point.code == "before":
        if names_index or revision is None:
            return Relation.BEFORE, index or revision
        moved_on = operations.told(index, sentence, point.start) and not _pairs_both(sentence)
        return Relation.BEFORE, revision if moved_on else index
    if point.code == "last":
        return Relation.AFTER, revision or index
    if not names_index and operations.told(revision, sentence, point.start):
        return Relation.AFTER, revision
    return Relation.AFTER, index or revision


def _pairs_both(sentence: Sentence) -> bool:
    """A sentence that gives the value before and after compares around the operation just told of."""
    codes = {hit.code for hit in lexicon("timepoints").find(sentence.text)}
    return "before" in codes and bool(codes & {"after", "at-once", "last"})


def _counted(sentence: Sentence, point: Timepoint, mention: TimeMention, operations: Operations) -> RelativeTime | None:
    if mention.anchor in (Anchor.PRESENT, Anchor.PREVIOUS, Anchor.DISCHARGE):
        return _by_story(sentence, operations, point.start)
    event = operations.index
    if mention.anchor is Anchor.SURGERY and operations.only_prior_told(sentence, point.start):
        event = operations.prior
    elif mention.anchor is Anchor.TREATMENT or (
        mention.anchor is Anchor.SURGERY and operations.told(operations.revision, sentence, point.start)
    ):
        event = operations.revision or operations.index
    if event is None:
        return None
    return mention.relative(event.id, sentence.span(point.start, point.end), "timepoints.counted")


def _by_story(sentence: Sentence, operations: Operations, position: int) -> RelativeTime | None:
    """In the story of the case, what is told before the operation was before it, and what is told after it, after."""
    if sentence.section not in (Section.CASE, Section.ABSTRACT):
        return None
    index, revision = operations.index, operations.revision
    if operations.told(revision, sentence, position):
        relation, event = Relation.AFTER, revision
    elif operations.told(index, sentence, position):
        relation, event = Relation.AFTER, index
    else:
        relation, event = Relation.BEFORE, index
    if event is None:
        return None
    return RelativeTime(relation=relation, event=event.id, rule="timepoints.story", confidence=0.7)
