"""Amounts of time that the words around them turn into a time after something: "at the six-week review", "after a
symptom-free interval of four weeks", "three weeks had passed", "well for five hours, then"."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.extraction.time_patterns import patterns
from fhir_service.extraction.times import Anchor, Duration, TimeMention
from fhir_service.reports.case_report import Relation

_REACH = 110
"""Characters before an amount of time in which such words are looked for."""


def visit_times(text: str, durations: Sequence[Duration]) -> list[TimeMention]:
    """The times at which a patient was seen, and those that went by before something."""
    return [time for duration in durations if (time := _time(text, duration)) is not None]


def _time(text: str, duration: Duration) -> TimeMention | None:
    kinds = patterns()
    first = max(0, duration.start - _REACH)
    before = kinds.visit_before.search(text, first, duration.start)
    behind = kinds.visit_behind.match(text, duration.end)
    if before or (behind and kinds.at_visit.search(text, first, duration.start)):
        return _after(duration, duration.start, behind.end() if behind else duration.end, Anchor.SURGERY)
    passed = kinds.passed_behind.match(text, duration.end)
    until = kinds.until_behind.match(text, duration.end)
    if until and kinds.it_took.search(text, first, duration.start):
        return _after(duration, duration.start, until.end())
    interval = kinds.passed_before.search(text, first, duration.start)
    if interval or passed:
        return _after(
            duration, interval.start() if interval else duration.start, passed.end() if passed else duration.end
        )
    then = kinds.then_behind.match(text, duration.end)
    if then and kinds.well_before.search(text, first, duration.start):
        return _after(duration, duration.start, then.end())
    return None


def _after(duration: Duration, start: int, end: int, anchor: Anchor = Anchor.PREVIOUS) -> TimeMention:
    return TimeMention(
        start, end, Relation.AFTER, anchor, duration.value, duration.low, duration.high, unit=duration.unit
    )
