"""The course of one patient: where in the telling the augmentation stands, where its revision, and what time it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from fhir_service.extraction import context
from fhir_service.extraction.dates import StatedDate, find_dates, times_since
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.quiet_times import is_of_action, is_of_leaving, is_quiet
from fhir_service.extraction.timeline import DAYS, Anchor, TimeMention, find_times
from fhir_service.reports.case_report import Polarity, Relation

Place = tuple[int, int]
"""Number of the sentence among the patient's leading ones, and position in it."""
NOWHERE: Place = (10**9, 0)

_SMALLEST_FIRST = ("min", "h", "d", "wk")
_EXACT = frozenset(_SMALLEST_FIRST)
"""Units whose amounts can be added up exactly."""
_AND = compiled(r"[,;:.(]|\b(?:and|but|then|when|who|with|at\sonce|immediately)\b")
_PLUPERFECT = compiled(r"\b(?:had|underwent|received|was\streated)\b")

_NOT_SO = compiled(r"\b(?:not|not\sbeen|never)\s$")
_CLAUSE = compiled(r"[;:]|,\s(?:and|but|despite|although|while|with)\b|\bdespite\b|\balthough\b|\bbut\b")


def _complaint(sentence: Sentence) -> int | None:
    """Where the sentence tells of a complaint that is there, not of one that is gone or denied."""
    hits = lexicon("presentation").find_all(sentence.text)
    better = [hit for hit in hits if hit.code == "better" and not _NOT_SO.search(sentence.text, 0, hit.start)]
    position = 0
    for end in [*(match.start() for match in _CLAUSE.finditer(sentence.text)), len(sentence.text)]:
        if not any(position <= hit.start < end for hit in better):
            for hit in hits:
                told = hit.code == "complaint" and position <= hit.start < end
                if told and context.polarity(sentence, hit.start, hit.end) is Polarity.AFFIRMED:
                    return hit.start
        position = end
    return None


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
    summed: str | None = None
    """The unit of a sum of times told in several units."""
    quiet: bool = False
    """Whether all that is told of that time is that the patient was well, or left: no harm dates from it."""

    @property
    def unit(self) -> str | None:
        return self.summed or self.time.unit


@dataclass(frozen=True)
class Course:
    """Places of the first index mention and the first revision, and the clock that runs at every leading sentence."""

    patient: PatientText
    index: Place
    revision: Place
    clocks: tuple[Clock | None, ...]
    presenting: Clock | None
    """When the harm first made itself felt."""
    complained: bool = False
    """Whether a complaint is told after the augmentation at all."""
    begins: int = 0
    """Number of the first leading sentence that tells what came after the augmentation."""
    date: StatedDate | None = None
    """When the augmentation was done, where a date says so."""

    def times(self, sentence: Sentence) -> list[TimeMention]:
        """The times a sentence tells, dates after that of the augmentation among them."""
        return _times(sentence, self.date)

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
    now = _looking_back(patient, index)
    begins = 0 if now else _begins(patient, index)
    done_on = _date_of(patient, index)
    complained = False
    for number, sentence in enumerate(patient.case):
        if number >= begins and number <= revision[0] and not general(sentence.text):
            times = [
                time
                for time in _times(sentence, done_on)
                if (number, time.start) <= revision and _since_index(time, sentence.text, number, index)
            ]
            told = _advance(now, times, sentence)
            now = told[-1] if told else now
            felt = _complaint(sentence) if presenting is None and (now or not complained) else None
            complained = complained or (felt is not None and number != index[0])
            if felt is not None and now is not None:
                at = _clock_at(felt, told) or now
                presenting = presenting if at.quiet else replace(at, told_in=sentence)
        clocks.append(now if number >= begins else None)
    return Course(patient, index, revision, tuple(clocks), presenting, complained, begins, done_on)


def _times(sentence: Sentence, since: StatedDate | None) -> list[TimeMention]:
    times = find_times(sentence.text)
    return times if since is None else sorted([*times, *times_since(since, sentence.text)], key=lambda time: time.start)


def _date_of(patient: PatientText, index: Place) -> StatedDate | None:
    """The date in the sentence that first tells of the augmentation: the last before it, else the first behind it."""
    dates = find_dates(patient.case[index[0]].text) if index[0] < len(patient.case) else []
    return next((stated for stated in reversed(dates) if stated.start < index[1]), dates[0] if dates else None)


def _looking_back(patient: PatientText, index: Place) -> Clock | None:
    """The time between, where the telling opens with what came after: "... Eleven days earlier he had undergone
    vertebroplasty"."""
    if not 0 < index[0] < len(patient.case):
        return None
    sentence = patient.case[index[0]]
    if not _PLUPERFECT.search(sentence.text):
        return None
    for time in find_times(sentence.text):
        if (
            time.relation is Relation.BEFORE
            and time.days is not None
            and _since_index(time, sentence.text, index[0], index)
        ):
            return Clock(time, sentence, time.low, time.high, time.value, sentence)
    return None


def _begins(patient: PatientText, index: Place) -> int:
    """The first sentence that tells what came after the augmentation: one that counts from it may stand before it."""
    for number, sentence in enumerate(patient.case[: index[0]]):
        if not general(sentence.text) and any(
            time.anchor is Anchor.PROCEDURE and time.relation is not Relation.BEFORE
            for time in find_times(sentence.text)
        ):
            return number
    return index[0]


def _clock_at(position: int, told: Sequence[Clock]) -> Clock | None:
    """The time of a sentence that stands before a position in it, else its first."""
    before = [clock for clock in told if clock.time.start <= position]
    return before[-1] if before else next(iter(told), None)


def _advance(now: Clock | None, times: Sequence[TimeMention], sentence: Sentence) -> list[Clock]:
    """The times a sentence tells since the augmentation, one counted on from the other."""
    told: list[Clock] = []
    for time in times:
        if (time.days is None and told and told[-1].time.days is not None) or is_of_action(sentence.text, time):
            continue
        if time.anchor in (Anchor.PREVIOUS, Anchor.DISCHARGE) and now is not None:
            now = _added(now, time, sentence)
        else:
            now = Clock(time, sentence, time.low, time.high, time.value, sentence)
        now = replace(now, quiet=is_quiet(sentence, time) or is_of_leaving(sentence.text, time))
        told.append(now)
    return told


def _since_index(time: TimeMention, text: str, number: int, index: Place) -> bool:
    if time.relation is Relation.BEFORE:
        # "VP had been done a month earlier": the telling stands that long after it.
        return time.anchor is Anchor.PRESENT and number == index[0] and abs(time.start - index[1]) < 90
    if time.anchor is Anchor.TREATMENT:
        return False
    if time.anchor is Anchor.PROCEDURE or number > index[0]:
        return True
    if number < index[0]:
        return False
    if time.start > index[1] and time.anchor is Anchor.SURGERY and not _AND.search(text, index[1], time.start):
        return False  # "vertebroplasty of L2, done six weeks after disc surgery"
    return time.start > index[1] or time.anchor is not Anchor.PREVIOUS


def _added(now: Clock, time: TimeMention, sentence: Sentence) -> Clock:
    """ "Two weeks later" after something at one week is three weeks; months are not added to weeks."""
    if time.days == 0:
        return Clock(time, sentence, now.low, now.high, now.value, sentence, now.unit)
    if time.days is not None and _counts_alone(now, time.days, time):
        return Clock(time, sentence, time.low, time.high, time.value, sentence)
    value, unit = _sum(now, time)
    return Clock(time, sentence, None, None, value, sentence, unit)


def _counts_alone(now: Clock, days: Decimal, time: TimeMention) -> bool:
    """Whether what went before is nothing beside it: weeks after days are weeks."""
    if (now.value is not None and now.value == 0) or now.time.days is None:
        return True
    if days <= 5 * now.time.days or now.unit == time.unit:
        return False
    return time.anchor is Anchor.PREVIOUS or _sum(now, time)[0] is None


def _sum(now: Clock, time: TimeMention) -> tuple[Decimal | None, str | None]:
    """Both amounts together, with their unit, where that is exact."""
    if now.value is None or time.value is None or now.unit is None or time.unit is None:
        return None, None
    if now.unit == time.unit:
        return now.value + time.value, None
    if not {now.unit, time.unit} <= _EXACT:
        return None, None
    unit = next(unit for unit in _SMALLEST_FIRST if unit in (now.unit, time.unit))
    total = now.value * DAYS[now.unit] + time.value * DAYS[time.unit]
    return round(total / DAYS[unit], 6).normalize(), unit
