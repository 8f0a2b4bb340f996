"""The course of one patient: where in the telling the augmentation stands, where its revision, and what time it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from fhir_service.extraction import context
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import Anchor, TimeMention, find_times
from fhir_service.reports.case_report import Polarity, Relation

Place = tuple[int, int]
"""Number of the sentence among the patient's leading ones, and position in it."""
NOWHERE: Place = (10**9, 0)

_NOT_SO = compiled(r"\b(?:not|not\sbeen|never)\s$")
_CLAUSE = compiled(r"[;:]|,\s(?:and|but|despite|although|while|with)\b|\bdespite\b|\balthough\b|\bbut\b")


def _presents(sentence: Sentence) -> bool:
    """Whether the sentence tells of a complaint that is there, not of one that is gone or denied."""
    hits = lexicon("presentation").find_all(sentence.text)
    better = [hit for hit in hits if hit.code == "better" and not _NOT_SO.search(sentence.text, 0, hit.start)]
    position = 0
    for end in [*(match.start() for match in _CLAUSE.finditer(sentence.text)), len(sentence.text)]:
        if not any(position <= hit.start < end for hit in better):
            for hit in hits:
                told = hit.code == "complaint" and position <= hit.start < end
                if told and context.polarity(sentence, hit.start, hit.end) is Polarity.AFFIRMED:
                    return True
        position = end
    return False


@dataclass(frozen=True)
class Clock:
    """A time since the index procedure, and the sentence that tells it."""

    time: TimeMention
    sentence: Sentence
    low: Decimal | None
    high: Decimal | None
    value: Decimal | None
    told_in: Sentence
    """The sentence that tells what was the case then."""


@dataclass(frozen=True)
class Course:
    """Places of the first index mention and the first revision, and the clock that runs at every leading sentence."""

    patient: PatientText
    index: Place
    revision: Place
    clocks: tuple[Clock | None, ...]
    presenting: Clock | None
    """When the harm first made itself felt."""

    def place(self, sentence: Sentence, position: int) -> Place | None:
        """Where a leading sentence stands in the telling; None for what is told elsewhere."""
        number = self._numbers.get(id(sentence))
        return None if number is None else (number, position)

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {id(sentence): number for number, sentence in enumerate(self.patient.case)}

    def before_index(self, sentence: Sentence, position: int) -> bool:
        """Whether a leading sentence tells this before the augmentation is told."""
        place = self.place(sentence, position)
        return place is not None and place < self.index

    def after_revision(self, sentence: Sentence) -> bool:
        place = self.place(sentence, 0)
        return place is not None and place[0] > self.revision[0]

    def clock(self, sentence: Sentence) -> Clock | None:
        place = self.place(sentence, 0)
        return None if place is None else self.clocks[place[0]]


def follow(patient: PatientText, index: Place, revision: Place) -> Course:
    """Walk through the leading sentences with the times they tell."""
    clocks: list[Clock | None] = []
    presenting: Clock | None = None
    now: Clock | None = None
    for number, sentence in enumerate(patient.case):
        if number >= index[0] and number <= revision[0] and not general(sentence.text):
            now = _advance(now, sentence, number, index, revision)
            if presenting is None and now is not None and _presents(sentence):
                presenting = replace(now, told_in=sentence)
        clocks.append(now if number >= index[0] else None)
    return Course(patient, index, revision, tuple(clocks), presenting)


def _advance(now: Clock | None, sentence: Sentence, number: int, index: Place, revision: Place) -> Clock | None:
    for time in find_times(sentence.text):
        if (number, time.start) > revision:
            break
        counted = _since_index(time, number, index)
        if not counted:
            continue
        if time.days is None and now is not None and now.sentence is sentence and now.time.days is not None:
            continue
        if time.anchor in (Anchor.PREVIOUS, Anchor.DISCHARGE) and now is not None:
            now = _added(now, time, sentence)
        else:
            now = Clock(time, sentence, time.low, time.high, time.value, sentence)
    return now


def _since_index(time: TimeMention, number: int, index: Place) -> bool:
    if time.relation is Relation.BEFORE:
        # "VP had been done a month earlier": the telling stands that long after it.
        return time.anchor is Anchor.PRESENT and number == index[0] and abs(time.start - index[1]) < 90
    if time.anchor is Anchor.TREATMENT:
        return False
    if time.anchor is Anchor.PROCEDURE or number > index[0]:
        return True
    return time.start > index[1] or time.anchor is not Anchor.PREVIOUS


def _added(now: Clock, time: TimeMention, sentence: Sentence) -> Clock:
    """ "Two weeks later" after something at one week is three weeks; amounts in different units are not added up."""
    if time.days is None:
        return Clock(time, sentence, None, None, None, sentence)
    zero = now.value is not None and now.value == 0
    if zero or now.time.days is None:
        return Clock(time, sentence, time.low, time.high, time.value, sentence)
    if now.time.unit == time.unit and now.value is not None and time.value is not None:
        return Clock(time, sentence, None, None, now.value + time.value, sentence)
    if time.days is not None and time.days > 5 * now.time.days:
        return Clock(time, sentence, time.low, time.high, time.value, sentence)
    return Clock(time, sentence, None, None, None, sentence)
