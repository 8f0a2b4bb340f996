"""When an operation was, counted from the index procedure or from the first operation for the harm."""

from __future__ import annotations

from fhir_service.extraction.course import Course
from fhir_service.extraction.operations import Mention
from fhir_service.extraction.timeline import Anchor, TimeMention, find_times
from fhir_service.reports.case_report import Relation, RelativeTime

_REACH = 45
"""Characters: a time further behind the operation than this tells of something else."""


def operation_time(course: Course, mention: Mention, role: str, first: str | None) -> RelativeTime | None:
    """The stated time of a prior operation or a revision; `first` is the id of the first revision, if it was read."""
    index = f"{course.patient.number}/index-1"
    for time in _near(mention):
        if time.days is None:
            continue
        span = mention.sentence.span(time.start, time.end)
        if role == "prior" and time.relation is Relation.BEFORE:
            return time.relative(index, span, "operation_times.before-index")
        if role != "revision" or time.relation is not Relation.AFTER or time.at_once:
            continue
        if first is not None and time.anchor in (Anchor.TREATMENT, Anchor.PREVIOUS):
            return time.relative(first, span, "operation_times.after-first-operation")
        if first is None and (time.anchor is Anchor.PROCEDURE or _since_index(course, mention, time)):
            return time.relative(index, span, "operation_times.after-index")
    return None


def _near(mention: Mention) -> list[TimeMention]:
    """The times in its part of the sentence, those before it last to first, then those just behind it."""
    text, hit = mention.sentence.text, mention.hit
    times = find_times(text)
    before = [t for t in reversed(times) if t.end <= hit.start and ";" not in text[t.end : hit.start]]
    behind = [t for t in times if 0 <= t.start - hit.end <= _REACH and ";" not in text[hit.end : t.start]]
    return [*before, *behind]


def _since_index(course: Course, mention: Mention, time: TimeMention) -> bool:
    """Whether "six weeks later" or "two days after surgery" counts from the index: nothing else was told between."""
    clock = course.clock(mention.sentence)
    return clock is not None and clock.time == time and clock.value == time.value
