"""Measured values told more than once, and normal ranges printed only once."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from fhir_service.extraction.document import Section
from fhir_service.reports.case_report import Coded, ObservationFact, RelativeTime


def merged(told: Iterable[tuple[Section, ObservationFact]]) -> list[ObservationFact]:
    """The same value at the same time, told again in another part of the report, is one fact with both spans.

    Within one part every value is a fact of its own: what is told twice there was measured twice.
    """
    kept: list[tuple[set[Section], ObservationFact]] = []
    for section, fact in told:
        known = [place for place, (sections, one) in enumerate(kept) if section not in sections and _same(one, fact)]
        if not known:
            kept.append(({section}, fact))
            continue
        place = next((p for p in known if kept[p][1].time is not None and not _by_story(kept[p][1], fact)), known[0])
        kept[place][0].add(section)
        kept[place] = (kept[place][0], _joined(kept[place][1], fact))
    return [fact for _, fact in kept]


def _by_story(*facts: ObservationFact) -> bool:
    return any(fact.time is None or fact.time.rule == "timepoints.story" for fact in facts)


def _same(one: ObservationFact, other: ObservationFact) -> bool:
    return (
        one.kind.code == other.kind.code
        and (one.value, one.low, one.high, one.comparator) == (other.value, other.low, other.high, other.comparator)
        and _code(one.side) == _code(other.side)
        and (one.unit == other.unit or None in (one.unit, other.unit))
        and (one.site is None or other.site is None or one.site.text == other.site.text)
        and _same_time(one.time, other.time)
    )


def _code(coded: Coded | None) -> str | None:
    return None if coded is None else coded.code


def _same_time(one: RelativeTime | None, other: RelativeTime | None) -> bool:
    if one is None or other is None:
        return True
    if "timepoints.story" in (one.rule, other.rule):
        return True
    return (one.relation, one.event) == (other.relation, other.event) and (
        one.value == other.value or None in (one.value, other.value)
    )


def _joined(one: ObservationFact, other: ObservationFact) -> ObservationFact:
    time = one.time
    if other.time is not None and (time is None or time.rule == "timepoints.story"):
        time = other.time
    return msgspec.structs.replace(
        one,
        span=(*one.span, *other.span),
        time=time,
        site=one.site or other.site,
        unit=one.unit or other.unit,
        unit_text=one.unit_text or other.unit_text,
        reference_low=one.reference_low if one.reference_low is not None else other.reference_low,
        reference_high=one.reference_high if one.reference_high is not None else other.reference_high,
        interpretation=one.interpretation or other.interpretation,
    )


def with_known_ranges(facts: list[ObservationFact]) -> list[ObservationFact]:
    """A normal range printed once for a laboratory value holds for the patient's other values in the same unit."""
    printed: dict[tuple[str | None, str | None], set[tuple[Decimal | None, Decimal | None]]] = {}
    for fact in facts:
        if fact.reference_low is not None or fact.reference_high is not None:
            printed.setdefault((fact.kind.code, fact.unit), set()).add((fact.reference_low, fact.reference_high))
    return [_ranged(fact, printed.get((fact.kind.code, fact.unit), set())) for fact in facts]


def _ranged(fact: ObservationFact, known: set[tuple[Decimal | None, Decimal | None]]) -> ObservationFact:
    unranged = fact.reference_low is None and fact.reference_high is None
    if not unranged or len(known) != 1 or fact.value is None or fact.comparator is not None:
        return fact
    ((low, high),) = known
    return msgspec.structs.replace(
        fact, reference_low=low, reference_high=high, interpretation=compared(fact.value, low, high)
    )


def compared(value: Decimal, low: Decimal | None, high: Decimal | None) -> Coded | None:
    """H, L or N of a value against a printed range."""
    if low is not None and value < low:
        return Coded(code="L")
    if high is not None and value > high:
        return Coded(code="H")
    return Coded(code="N")
