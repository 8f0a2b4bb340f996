"""What a table column adds to a patient of the report."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from fhir_service.extraction.cement_volumes import VOLUME, volume_fact
from fhir_service.extraction.levels import find_levels, level_facts
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patient_columns import Column
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.row_outcomes import ENDS, RESIDUE
from fhir_service.extraction.timeline import find_durations
from fhir_service.extraction.times import DAYS
from fhir_service.reports.case_report import (
    Age,
    Coded,
    ComplicationFact,
    ObservationFact,
    ProcedureFact,
    Relation,
    RelativeTime,
)

_ROUNDING = Decimal("0.15")


def column_age(number: int, column: Column) -> Age | None:
    """The age a column gives, in years."""
    part = column.part(r"^age\b")
    if part is None or not part[0].text[part[1] : part[2]].isdigit():
        return None
    cell, start, end = part
    return Age(
        id=f"{number}/age",
        value=Decimal(cell.text[start:end]),
        unit="a",
        span=(cell.span(start, end),),
        rule="column_cases.age",
    )


def column_sex(column: Column) -> Coded | None:
    part = column.part(r"^(?:sex|gender)\b")
    if part is None:
        return None
    cell, start, end = part
    words = cell.text[start:end]
    code = {"f": "female", "female": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}.get(
        words.lower()
    )
    return (
        None if code is None else Coded(code=code, text=words, span=(cell.span(start, end),), rule="column_cases.sex")
    )


def column_volume(number: int, column: Column, index: ProcedureFact) -> ObservationFact | None:
    """The cement volume a column gives."""
    part = column.part(r"volume|cement|amount")
    if part is None:
        return None
    cell, start, end = part
    match = VOLUME.match(cell.text, start, end)
    return None if match is None else volume_fact(number, cell, match, index, "column_cases.volume")


def column_levels(column: Column, index: ProcedureFact) -> ProcedureFact:
    """The index procedure with the level its column gives: as its level, or as one more place that says so."""
    part = column.part(r"^(?:\w+\s)?level|^fracture|^vertebra")
    if part is None:
        return index
    cell, start, end = part
    mentions = [m for m in find_levels(cell.text) if start <= m.start and m.end <= end]
    levels = level_facts(cell, mentions, "column_cases.level")
    if not index.level:
        return msgspec.structs.replace(index, level=levels)
    own = {level.code: level for level in levels}
    merged = tuple(
        msgspec.structs.replace(level, span=(*level.span, *own[level.code].span)) if level.code in own else level
        for level in index.level
    )
    return msgspec.structs.replace(index, level=merged)


def column_onset(column: Column, index: ProcedureFact, complication: ComplicationFact) -> RelativeTime | None:
    """ "Duration until radiculopathy": the onset of the harm that the row's label names."""
    for label, cell, start, end in column.parts:
        if not compiled(r"duration|interval|time|onset", re.IGNORECASE).search(label):
            continue
        named = {hit.code for hit in lexicon("complications").find(label)}
        if complication.kind.code not in named and not (named and complication.kind.code == "retropulsed-fragment"):
            continue
        for duration in find_durations(cell.text[start:end]):
            return RelativeTime(
                relation=Relation.AFTER,
                event=index.id,
                value=duration.value,
                low=duration.low,
                high=duration.high,
                unit=duration.unit,
                span=(cell.span(start + duration.start, start + duration.end),),
                rule="column_cases.onset",
            )
    return None


def with_onset(harm: ComplicationFact, column: Column, index: ProcedureFact) -> ComplicationFact:
    """The harm with the onset its column gives: where the text gives none, or as one more place that says the same."""
    onset, printed = harm.onset, column_onset(column, index, harm)
    if printed is None:
        return harm
    if onset is None or (onset.value is None and onset.low is None):
        return msgspec.structs.replace(harm, onset=printed)
    if not _about_the_same(onset, printed):
        return harm
    return msgspec.structs.replace(harm, onset=msgspec.structs.replace(onset, span=(*onset.span, *printed.span)))


def _about_the_same(one: RelativeTime, other: RelativeTime) -> bool:
    """Two months and eight weeks are."""
    if one.value is None or other.value is None or not one.unit or not other.unit or one.relation != other.relation:
        return False
    days = one.value * DAYS[one.unit]
    return abs(days - other.value * DAYS[other.unit]) <= days * _ROUNDING


def column_outcome(column: Column) -> Coded | None:
    part = column.part(r"outcome|result|recovery|status")
    if part is None:
        return None
    cell, start, end = part
    hits = [hit for hit in lexicon("outcomes").find(cell.text) if start <= hit.start and hit.end <= end]
    hit = next((hit for hit in hits if hit.code in ENDS), None)
    if hit is None or any(hit.code == RESIDUE for hit in hits):
        return None
    return Coded(
        code=ENDS[hit.code],
        text=cell.text[hit.start : hit.end],
        span=(cell.span(hit.start, hit.end),),
        rule="column_cases.outcome",
    )
