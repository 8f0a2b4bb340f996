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
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import DAYS, Anchor, Duration, TimeMention, find_durations, find_times
from fhir_service.reports.case_report import Coded, ObservationFact, Polarity, Relation

_FOLLOW_UP = compiled(
    r"\bfollow(?:ed)?[\s-]*up\b|\bfollowed\sfor\b|\blast\s(?:visit|examination|review)\b", re.IGNORECASE
)
_WORSE = compiled(r"\b(?:returned|came\sback|recur\w*|restenosis|collaps\w*|worsen\w*|readmitted|new\s)", re.IGNORECASE)
_SEEN = compiled(r"\b(?:was\s(?:last\s)?(?:seen|examined|reviewed)|visits?|check-?ups?)\b", re.IGNORECASE)
_SHORTEST = Decimal(14)
"""Days: what is told within two weeks of an operation is its aftermath, not follow-up."""
_SOME_GAIN = compiled(
    r"\b(?:minimal|partial|slight|mild|residual|little|hardly|barely|incomplete|not\s(?:fully|completely)|with\s(?:support|a\s|assistance|help|aid|crutches))\w*",
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
    if hit.code == "fatal" and compiled(r"autopsy|post-?\s?mortem", re.IGNORECASE).fullmatch(
        sentence.text[hit.start : hit.end]
    ):
        return True
    meant = context.read(sentence, hit.start, hit.end)
    return meant.polarity is Polarity.AFFIRMED and not meant.family and not meant.others


def _judge(verdicts: Sequence[Verdict]) -> Coded | None:
    """The last sentence that says whether anything is left decides; inside it, what is left outweighs what is gone."""
    telling = [v for v in verdicts if v[0] in ("recovered", "remaining", "unchanged")]
    if not telling:
        better = next((v for v in reversed(verdicts) if v[0] == "improved"), None)
        return _coded("recovering", better) if better else None
    last = [v for v in telling if v[1] is telling[-1][1]]
    if last[0][0] == "unchanged" and _later_better(verdicts, last[0]):
        better = next(v for v in reversed(verdicts) if v[0] == "improved")
        return _coded("recovering", better)
    left = next((v for v in last if v[0] in ("remaining", "unchanged")), None)
    if left is None:
        return _coded("resolved", last[0])
    gained = any(v[0] in ("improved", "recovered") for v in verdicts) and left[0] == "remaining"
    gained = gained or _SOME_GAIN.search(left[1].text[max(0, left[2] - 20) : left[3]]) is not None
    return _coded("resolvedWithSequelae" if gained else "ongoing", left)


def _later_better(verdicts: Sequence[Verdict], told: Verdict) -> bool:
    return any(v[0] == "improved" and v[1].start > told[1].start for v in verdicts)


def _coded(code: str, verdict: Verdict) -> Coded:
    _, sentence, start, end = verdict
    return Coded(
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
                        best, sentence, (duration.start, duration.end), duration.high or duration.value, duration.unit
                    )
    return best


def _of_something_else(text: str, duration: Duration) -> bool:
    return compiled(r"[\s-]*(?:old|earlier|ago|before|prior|previously)").match(text[duration.end :]) is not None


def _told(course: Course) -> Found | None:
    """The longest time after an operation, or time of after-care, at which the patient's state is told."""
    best: Found | None = None
    for number, sentence in enumerate(course.patient.case):
        if number < course.index[0] or general(sentence.text) or not _closes(course, sentence, number):
            continue
        for time in find_times(sentence.text):
            if _counts(sentence, time):
                best = _longer(best, sentence, (time.start, time.end), time.high or time.value, time.unit)
        if course.revision[0] < number < NOWHERE[0]:
            for duration in find_durations(sentence.text):
                if compiled(r"\b(?:for|over)\s(?:the\s(?:next|following)\s)?$").search(sentence.text[: duration.start]):
                    best = _longer(
                        best, sentence, (duration.start, duration.end), duration.high or duration.value, duration.unit
                    )
    return best if best is not None and best[3] * DAYS[best[4]] >= _SHORTEST else None


def _counts(sentence: Sentence, time: TimeMention) -> bool:
    """Whether a time after an operation is the time of the state told in its part of the sentence."""
    if time.relation is not Relation.AFTER or time.days is None or time.anchor is Anchor.PRESENT:
        return False
    if time.unit == "d" and compiled(r"\bdischarged\b|\bleft\b").search(sentence.text):
        return False
    start = sentence.text.rfind(";", 0, time.start) + 1
    end = sentence.text.find(";", time.end)
    part = sentence.text[start : end if end >= 0 else len(sentence.text)]
    return (start == 0 and end < 0) or lexicon("outcomes").matches(part)


def _closes(course: Course, sentence: Sentence, number: int) -> bool:
    """Whether a sentence tells the state of the patient after the last operation, and not a turn for the worse."""
    verdicts = {v[0] for v in _verdicts(sentence)}
    if "fatal" in verdicts or _WORSE.search(sentence.text):
        return False
    told = bool(verdicts & {"recovered", "improved", "remaining"}) or _SEEN.search(sentence.text) is not None
    return told and (course.revision == NOWHERE or number >= course.revision[0])


def _longer(
    best: Found | None, sentence: Sentence, at: tuple[int, int], value: Decimal | None, unit: str | None
) -> Found | None:
    if value is None or unit is None:
        return best
    if best is not None and value * DAYS[unit] <= best[3] * DAYS[best[4]]:
        return best
    return sentence, *at, value, unit
