"""How the patient fared at the end of the telling, and how long the patient was followed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from fhir_service.extraction import context
from fhir_service.extraction.course import NOWHERE, Course
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import collective, general, of_others
from fhir_service.extraction.timeline import DAYS, Anchor, Duration, TimeMention, find_durations, find_times
from fhir_service.reports.case_report import Coded, ObservationFact, Polarity, Relation
from fhir_service.reports.case_report import Coded as _Coded

_FOLLOW_UP = re.compile(r"\bfollow(?:ed)?[\s-]*up\b|\bfollowed\b|\blast\s(?:visit|examination|review)\b", re.IGNORECASE)
_STATE = re.compile(
    r"\b(?:asymptomatic|symptoms?|walk\w*|ambulat\w*|recover\w*|reliev\w*|relief|pain|free|well|alive|remain\w*|improv\w*|function\w*|strength|deficit\w*|back\sto|no\s|without|independent\w*)\b",
    re.IGNORECASE,
)
_SHORTEST = Decimal(14)
"""Days: what is told within two weeks of an operation is its aftermath, not follow-up."""
_SOME_GAIN = re.compile(
    r"\b(?:minimal|partial|slight|little|hardly|barely|incomplete|not\s(?:fully|completely)|with\s(?:support|a\s|assistance|help|aid|crutches))\w*",
    re.IGNORECASE,
)

Verdict = tuple[str, Sentence, int, int]


def read_outcome(course: Course) -> Coded | None:
    """The outcome (R4 AdverseEvent codes) with the words that state it; None where the text does not say."""
    after = _final_sentences(course)
    verdicts = [verdict for sentence in after for verdict in _verdicts(sentence)]
    fatal = next((v for v in _all_after_index(course) if v[0] == "fatal"), None)
    if fatal is not None:
        return _coded("fatal", fatal)
    if not any(v[0] in ("recovered", "remaining", "unchanged") for v in verdicts):
        verdicts = [v for s in course.patient.echo if _own(s) for v in _verdicts(s)] or verdicts
        verdicts = [v for v in verdicts if v[0] != "fatal"]
    return _judge(verdicts)


def _own(sentence: Sentence) -> bool:
    return sentence.section in (Section.ABSTRACT, Section.DISCUSSION, Section.CONCLUSION) and not general(sentence.text)


def _final_sentences(course: Course) -> list[Sentence]:
    """What is told after the revision; without one, after the augmentation."""
    start = course.revision[0] if course.revision != NOWHERE else course.index[0]
    return [
        s
        for number, s in enumerate(course.patient.case)
        if number >= start and not general(s.text) and not of_others(s.text)
    ]


def _all_after_index(course: Course) -> list[Verdict]:
    sentences = [s for n, s in enumerate(course.patient.case) if n >= course.index[0] and not general(s.text)]
    sentences += [s for s in course.patient.echo if _own(s) and not collective(s.text)]
    return [verdict for sentence in sentences for verdict in _verdicts(sentence)]


def _verdicts(sentence: Sentence) -> list[Verdict]:
    hits: list[Hit] = lexicon("outcomes").find(sentence.text)
    return [(hit.code, sentence, hit.start, hit.end) for hit in hits if _said(sentence, hit)]


def _said(sentence: Sentence, hit: Hit) -> bool:
    return context.polarity(sentence, hit.start, hit.end) is Polarity.AFFIRMED


def _judge(verdicts: Sequence[Verdict]) -> Coded | None:
    """The last sentence that says whether anything is left decides; inside it, what is left outweighs what is gone."""
    telling = [v for v in verdicts if v[0] in ("recovered", "remaining", "unchanged")]
    if not telling:
        better = next((v for v in reversed(verdicts) if v[0] == "improved"), None)
        return _coded("recovering", better) if better else None
    last = [v for v in telling if v[1] is telling[-1][1]]
    left = next((v for v in last if v[0] in ("remaining", "unchanged")), None)
    if left is None:
        return _coded("resolved", last[0])
    gained = any(v[0] in ("improved", "recovered") for v in verdicts) and left[0] == "remaining"
    gained = gained or _SOME_GAIN.search(left[1].text[left[2] : left[3]]) is not None
    return _coded("resolvedWithSequelae" if gained else "ongoing", left)


def _coded(code: str, verdict: Verdict) -> Coded:
    _, sentence, start, end = verdict
    return _Coded(
        code=code, text=sentence.text[start:end], span=(sentence.span(start, end),), rule="outcome.final-state"
    )


# follow-up -----------------------------------------------------------------------------------------------------------


def read_follow_up(course: Course) -> ObservationFact | None:
    """The length of follow-up: stated as such, else the latest time after an operation at which the state is told."""
    patient = course.patient
    sentences = [s for n, s in enumerate(patient.case) if n >= course.index[0]] + [s for s in patient.echo if _own(s)]
    sentences = [s for s in sentences if not general(s.text) and not of_others(s.text)]
    found = _stated(sentences) or _told(course)
    if found is None:
        return None
    sentence, start, end, value, unit = found
    return ObservationFact(
        id=f"{patient.number}/follow-up-duration",
        kind=Coded(code="follow-up-duration", text=sentence.text[start:end]),
        value=value,
        unit=unit,
        unit_text=None,
        span=(sentence.span(start, end),),
        rule="outcome.follow-up",
    )


Found = tuple[Sentence, int, int, Decimal, str]


def _stated(sentences: Sequence[Sentence]) -> Found | None:
    """ "One-year follow-up", "followed up at 6 and 12 months": the longest."""
    best: Found | None = None
    for sentence in sentences:
        for words in _FOLLOW_UP.finditer(sentence.text):
            for duration in find_durations(sentence.text):
                near = min(abs(duration.start - words.end()), abs(words.start() - duration.end)) < 40
                if near and not _of_something_else(sentence.text, duration):
                    best = _longer(
                        best, sentence, duration.start, duration.end, duration.high or duration.value, duration.unit
                    )
    return best


def _of_something_else(text: str, duration: Duration) -> bool:
    return re.match(r"[\s-]*(?:old|earlier|ago|before|prior|previously)", text[duration.end :]) is not None


def _told(course: Course) -> Found | None:
    best: Found | None = None
    for number, sentence in enumerate(course.patient.case):
        if number < course.index[0] or general(sentence.text):
            continue
        for time in find_times(sentence.text):
            if _closes(course, sentence, number, time):
                best = _longer(best, sentence, time.start, time.end, time.high or time.value, time.unit)
    return best


def _closes(course: Course, sentence: Sentence, number: int, time: TimeMention) -> bool:
    if (
        time.relation is not Relation.AFTER
        or time.days is None
        or time.days < _SHORTEST
        or not _STATE.search(sentence.text)
    ):
        return False
    if time.anchor is Anchor.PRESENT or any(v[0] == "fatal" for v in _verdicts(sentence)):
        return False
    if course.revision != NOWHERE:
        return number >= course.revision[0]
    return any(v[0] in ("recovered", "improved", "remaining") for v in _verdicts(sentence))


def _longer(
    best: Found | None, sentence: Sentence, start: int, end: int, value: Decimal | None, unit: str | None
) -> Found | None:
    if value is None or unit is None:
        return best
    if best is not None and value * DAYS[unit] <= best[3] * DAYS[best[4]]:
        return best
    return sentence, start, end, value, unit
