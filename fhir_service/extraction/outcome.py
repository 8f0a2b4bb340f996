"""How the patient fared at the end of the telling."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from fhir_service.extraction import context
from fhir_service.extraction.course import NOWHERE, Course
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import collective, general, of_others
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import TimeMention, find_times
from fhir_service.reports.case_report import Coded, ComplicationFact, Polarity, Relation

_SOME_GAIN = compiled(
    r"\b(?:minimal|partial|slight|mild|residual|little|hardly|barely|incomplete|not\s(?:fully|completely)|with\s(?:support|a\s|assistance|help|aid|crutches))\w*",
    re.IGNORECASE,
)

_SILENT = ("cement-leakage", "pulmonary-cement", "cardiac-cement", "arterial-cement")
"""Harms that a patient may never feel."""
_DENIAL = compiled(r"(?:no|without|nothing|neither|free)\b", re.IGNORECASE)
_AT_DISCHARGE = compiled(
    r"\b(?:at|on|upon)\s(?:the\stime\sof\s)?(?:her\s|his\s)?(?:hospital\s)?discharge\b", re.IGNORECASE
)
_LATE = 14
"""Days after which an examination says how it ended."""
_TELLING = frozenset({"recovered", "residue", "remaining", "unchanged"})
FELT = frozenset({"neurological-deficit", "radiculopathy"})
"""Harms that are what a patient feels or cannot do; the others are seen on images or measured."""

Verdict = tuple[str, Sentence, int, int]


def read_outcome(course: Course, harms: Sequence[ComplicationFact]) -> Coded | None:
    """The outcome (R4 AdverseEvent codes) with the words that state it; None where the text does not say."""
    fatal = next((v for v in _all_after_index(course) if v[0] == "fatal"), None)
    if fatal is not None:
        return _coded("fatal", fatal)
    suffered = course.presenting is not None or course.complained
    suffered = suffered or any(not (harm.kind.code or "").startswith(_SILENT) for harm in harms)
    verdicts = [v for s in _final_sentences(course, harms) for v in verdicts_of(s, suffered=suffered)]
    if not any(v[0] in _TELLING for v in verdicts):
        verdicts = [v for s in course.patient.echo if is_own(s) for v in verdicts_of(s, suffered=suffered)] or verdicts
    return _judge(verdicts)


def is_own(sentence: Sentence) -> bool:
    return sentence.section in (Section.ABSTRACT, Section.DISCUSSION, Section.CONCLUSION) and not general(sentence.text)


def _final_sentences(course: Course, harms: Sequence[ComplicationFact]) -> list[Sentence]:
    """What is told after the revision; without one, from the first harm on; with neither, after the augmentation."""
    told = course.patient.case[_first_final(course, harms) :]
    return [s for s in told if not general(s.text) and not of_others(s.text)]


def _first_final(course: Course, harms: Sequence[ComplicationFact]) -> int:
    if course.revision != NOWHERE:
        return course.revision[0]
    told = sorted(span.offset for harm in harms for span in harm.kind.span)
    first = next(
        (n for n, s in enumerate(course.patient.case) if bisect_left(told, s.start) < bisect_left(told, s.end)), 0
    )
    return max(course.index[0], first)


def _all_after_index(course: Course) -> list[Verdict]:
    sentences = [s for n, s in enumerate(course.patient.case) if n >= course.index[0] and not general(s.text)]
    sentences += [s for s in course.patient.echo if is_own(s) and not collective(s.text)]
    return [verdict for sentence in sentences for verdict in verdicts_of(sentence)]


def verdicts_of(sentence: Sentence, *, suffered: bool = True) -> list[Verdict]:
    """What a sentence says of how the patient was. Who never had complaints does not recover by having none."""
    return [
        (hit.code, sentence, hit.start, hit.end)
        for hit in lexicon("outcomes").find(sentence.text)
        if hit.code != "aside" and (suffered or not hit.term["silent"]) and _said(sentence, hit)
    ]


def _said(sentence: Sentence, hit: Hit) -> bool:
    if hit.code == "fatal" and compiled(r"autopsy|post-?\s?mortem", re.IGNORECASE).fullmatch(
        sentence.text[hit.start : hit.end]
    ):
        return True
    if hit.term["late"] and not _told_late(sentence.text):
        return False
    meant = context.read(sentence, hit.start, hit.end)
    if meant.negated and _DENIAL.match(sentence.text, hit.start):  # "without aids and without deficit"
        return not meant.family and not meant.others
    return meant.polarity is Polarity.AFFIRMED and not meant.family and not meant.others


def _told_late(text: str) -> bool:
    """Whether it tells of the last visit, of discharge, or of a time long after."""
    if any(_is_late(time) for time in find_times(text)) or _AT_DISCHARGE.search(text) is not None:
        return True
    return any(hit.code == "last" for hit in lexicon("timepoints").find(text))


def _is_late(time: TimeMention) -> bool:
    return time.relation is Relation.AFTER and (time.days or 0) >= _LATE


def _judge(verdicts: Sequence[Verdict]) -> Coded | None:
    """The last sentence that says whether anything is left decides; inside it, what is left outweighs what is gone."""
    telling = [v for v in verdicts if v[0] in _TELLING]
    if not telling:
        better = next((v for v in reversed(verdicts) if v[0] == "improved"), None)
        return _coded("recovering", better) if better else None
    last = [v for v in telling if v[1] is telling[-1][1]]
    if last[0][0] == "unchanged" and _later_better(verdicts, last[0]):
        better = next(v for v in reversed(verdicts) if v[0] == "improved")
        return _coded("recovering", better)
    left = next((v for v in last if v[0] == "residue"), None)
    if left is not None:
        return _coded("resolvedWithSequelae", left)
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
