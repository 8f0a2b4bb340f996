"""How long the patient was followed: the latest time after an operation at which the patient's state is told.

The words are data: `mappings/lexicons/follow-up.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from fhir_service.extraction import context
from fhir_service.extraction.course import NOWHERE, Course
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general, of_others
from fhir_service.extraction.outcome import is_own, verdicts_of
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import DAYS, Anchor, Duration, TimeMention, find_durations
from fhir_service.reports.case_report import Coded, ComplicationFact, ObservationFact, Polarity, Relation

Found = tuple[Sentence, int, int, Decimal, str]

SHORTEST = Decimal(14)
"""Days: what is told within two weeks of an operation is its aftermath, not follow-up."""
_REACH = 40
"""Characters between "follow-up" and the amount of time it lasted."""
_GOES_ON = compiled(r"\b(?:for|over)\s(?:the\s(?:next|following|past|last|subsequent)\s)?$")
_NOT_SO_LONG = compiled(r"[\s-]*(?:old|earlier|ago|before|prior|previously)")
_STATES = frozenset({"recovered", "improved", "residue", "remaining", "unchanged"})


def read_follow_up(course: Course, harms: Sequence[ComplicationFact]) -> ObservationFact | None:
    """The length of follow-up as it is stated, or the latest time at which the patient's state is told."""
    best: Found | None = None
    for found in (*_stated(course), *_told(course, harms)):
        if best is None or _days(found) > _days(best):
            best = found
    if best is None or _days(best) < SHORTEST:
        return None
    sentence, start, end, value, unit = best
    return ObservationFact(
        id=f"{course.patient.number}/follow-up-duration",
        kind=Coded(code="follow-up-duration", text=sentence.text[start:end]),
        value=value,
        unit=unit,
        unit_text=None,
        span=(sentence.span(start, end),),
        rule="outcome.follow-up",
    )


def _days(found: Found) -> Decimal:
    return found[3] * DAYS[found[4]]


def _found(sentence: Sentence, time: Duration | TimeMention) -> Iterator[Found]:
    value = time.high or time.value
    if value is not None and time.unit is not None:
        yield sentence, time.start, time.end, value, time.unit


# stated --------------------------------------------------------------------------------------------------------------


def _stated(course: Course) -> Iterator[Found]:
    """ "One-year follow-up", "followed up at 6 and 12 months"."""
    patient = course.patient
    sentences = [s for n, s in enumerate(patient.case) if n >= course.index[0]] + [s for s in patient.echo if is_own(s)]
    for sentence in sentences:
        words = _hits(sentence, "followed")
        if not words or general(sentence.text) or of_others(sentence.text):
            continue
        for duration in find_durations(sentence.text):
            near = any(min(abs(duration.start - w.end), abs(w.start - duration.end)) < _REACH for w in words)
            if near and not _NOT_SO_LONG.match(sentence.text, duration.end):
                yield from _found(sentence, duration)


def _hits(sentence: Sentence, code: str) -> list[Hit]:
    return [hit for hit in lexicon("follow-up").find(sentence.text) if hit.code == code]


# told ----------------------------------------------------------------------------------------------------------------


def _told(course: Course, harms: Sequence[ComplicationFact]) -> Iterator[Found]:
    """Times after an operation, or of after-care, at which the patient's state is told."""
    onsets = {(span.offset, span.length) for harm in harms if harm.onset for span in harm.onset.span}
    for number, sentence in enumerate(course.patient.case):
        if number < course.index[0] or general(sentence.text) or of_others(sentence.text):
            continue
        if course.revision != NOWHERE and number < course.revision[0]:
            continue
        times = course.times(sentence)
        durations = find_durations(sentence.text) if course.revision[0] < number < NOWHERE[0] else []
        if not (times or durations) or _is_turn(sentence):
            continue
        for time in times:
            span = sentence.span(time.start, time.end)
            if (span.offset, span.length) not in onsets and _is_after(time) and _tells_state(sentence, time, times):
                yield from _found(sentence, time)
        for duration in durations:
            if _GOES_ON.search(sentence.text, 0, duration.start) and _state_in(sentence, 0, len(sentence.text)):
                yield from _found(sentence, duration)


def _is_after(time: TimeMention) -> bool:
    return time.relation is Relation.AFTER and time.days is not None and time.anchor is not Anchor.PRESENT


def _is_turn(sentence: Sentence) -> bool:
    """Whether it tells of a death, or of something that came up then."""
    if any(verdict[0] == "fatal" for verdict in verdicts_of(sentence)):
        return True
    return any(context.polarity(sentence, hit.start, hit.end) is Polarity.AFFIRMED for hit in _hits(sentence, "turn"))


def _tells_state(sentence: Sentence, time: TimeMention, times: Sequence[TimeMention]) -> bool:
    """Whether the state at that time is told, in the part of the sentence (up to a semicolon) the time stands in."""
    text = sentence.text
    start = text.rfind(";", 0, time.start) + 1
    end = text.find(";", time.end)
    end = end if end >= 0 else len(text)
    if any(_nearest(hit, times) is time for hit in _hits(sentence, "leaving")):
        return False
    return _state_in(sentence, start, end) or (
        _frames(text, time, start, end) and any(start <= hit.start < end for hit in _hits(sentence, "state"))
    )


def _nearest(hit: Hit, times: Sequence[TimeMention]) -> TimeMention:
    return min(times, key=lambda time: min(abs(hit.end - time.start), abs(hit.start - time.end)))


def _state_in(sentence: Sentence, start: int, end: int) -> bool:
    """Words of how the patient was, or of seeing the patient."""
    if any(verdict[0] in _STATES and start <= verdict[2] < end for verdict in verdicts_of(sentence)):
        return True
    return any(start <= hit.start < end for hit in _hits(sentence, "seen"))


def _frames(text: str, time: TimeMention, start: int, end: int) -> bool:
    """Whether the time opens or closes its part: "At eighteen months the construct is sound"."""
    start = max(start, text.rfind(",", start, time.start) + 1)
    return len(text[start : time.start].split()) <= _OPENING or len(text[time.end : end].strip(" .)")) == 0


_OPENING = 3
"""Words that may stand before a time that opens its sentence."""
