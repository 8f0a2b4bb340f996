"""The case a table row makes of a patient of another paper, and what a table column adds to a patient of this one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.binding import bind
from fhir_service.extraction.cement_volumes import VOLUME, volume_fact
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.harms import Harm, find_harms
from fhir_service.extraction.levels import find_groups, find_levels, level_facts
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patient_tables import Column, Row
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import find_durations
from fhir_service.reports.case_report import (
    Age,
    Coded,
    ComplicationFact,
    ObservationFact,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
    Truth,
)

_GRADES = compiled(r"(?<![\d/])(?P<a>[0-5])\s?/\s?(?P<b>[0-5])(?![\d/])")
_NO_SURGERY = compiled(r"\b(?:no\s(?:surgery|operation)|conservative|refused\s(?:surgery|operation))\b", re.IGNORECASE)
_LEFT_OVER = compiled(
    r"\b(?:incontinence|retention|decreased\sanal\stone|could\snot\swalk|unable\sto|constipation|minimal\simprovement|wheelchair|residual|partial)\b",
    re.IGNORECASE,
)


# a row a patient ----------------------------------------------------------------------------------------------------


def row_procedures(number: int, row: Row) -> tuple[ProcedureFact, ...]:
    """The augmentation the table is about, at the level the row gives, and the operations the row lists."""
    sentence = row.sentence
    title = row.title
    facts: list[ProcedureFact] = []
    bound = bind(sentence.text)
    named = (
        next((hit for hit in lexicon("procedures").find(title.text) if hit.term["group"] == "augmentation"), None)
        if title
        else None
    )
    levels = next((group for group in find_groups(sentence.text) if group.start > row.age_at[0]), None)
    if named is not None and title is not None:
        facts.append(
            ProcedureFact(
                id=f"{number}/index-1",
                role="index",
                kind=Coded(
                    code=named.code,
                    text=title.text[named.start : named.end],
                    span=(title.span(named.start, named.end),),
                ),
                level=level_facts(sentence, levels.mentions, "table_cases.index-level") if levels else (),
                span=(title.span(named.start, named.end),),
                rule="table_cases.index",
            )
        )
    for hit in lexicon("procedures").find(sentence.text):
        if (
            hit.term["group"] != "operation"
            or hit.start < row.age_at[0]
            or context.polarity(sentence, hit.start, hit.end) is Polarity.NEGATED
        ):
            continue
        span = sentence.span(hit.start, hit.end)
        given = tuple(m for m in bound.of(hit.start, hit.end) if levels is None or m.start > levels.end)
        fact = ProcedureFact(
            id=f"{number}/revision-{len([f for f in facts if f.role == 'revision']) + 1}",
            role="revision",
            kind=Coded(code=hit.code, text=sentence.text[hit.start : hit.end], span=(span,)),
            level=level_facts(sentence, given, "table_cases.revision-level"),
            span=(span,),
            rule="table_cases.revision",
        )
        if not any(
            f.role == "revision"
            and f.kind.code == hit.code
            and {x.code for x in f.level} == {x.code for x in fact.level}
            for f in facts
        ):
            facts.append(fact)
    return tuple(facts)


def row_complications(number: int, row: Row, procedures: Sequence[ProcedureFact]) -> tuple[ComplicationFact, ...]:
    """The harm the table's title is about, and its end as the row tells it."""
    if row.title is None:
        return ()
    outcome = row_outcome(row)
    index = tuple(fact.id for fact in procedures if fact.role == "index")
    facts: list[ComplicationFact] = []
    for harm in _title_harms(row.title):
        span = harm.sentence.span(harm.start, harm.end)
        facts.append(
            ComplicationFact(
                id=f"{number}/complication-{len(facts) + 1}",
                kind=Coded(code=harm.code, text=harm.words, span=(span,)),
                outcome=outcome,
                suspect=index,
                cement_suspect=Truth(value=True, span=(span,)) if harm.code.startswith("cement") else None,
                span=(span,),
                rule="table_cases.complication",
            )
        )
    return tuple(facts)


def _title_harms(title: Sentence) -> list[Harm]:
    harms = [
        harm
        for harm in find_harms(title)
        if harm.polarity is Polarity.AFFIRMED and harm.code not in ("fracture", "other")
    ]
    return list({harm.code: harm for harm in reversed(harms)}.values())


def row_outcome(row: Row) -> Coded | None:
    """From the grades before and after (5 is full power), and from what the row says is left."""
    text = row.sentence.text
    grades = list(_GRADES.finditer(text))
    left = _LEFT_OVER.search(text)
    if left is not None:
        return Coded(
            code="resolvedWithSequelae",
            text=left[0],
            span=(row.sentence.span(*left.span()),),
            rule="table_cases.sequela",
        )
    if len(grades) < 2:
        return None
    last = grades[-1]
    span = (row.sentence.span(*last.span()),)
    if last["a"] == last["b"] == "5":
        return Coded(code="resolved", text=last[0], span=span, rule="table_cases.full-power")
    if last.groups() == grades[0].groups() and _NO_SURGERY.search(text):
        return Coded(code="ongoing", text=last[0], span=span, rule="table_cases.same-power")
    return None


# a column a patient -------------------------------------------------------------------------------------------------


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
        rule="table_cases.age",
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
    return None if code is None else Coded(code=code, text=words, span=(cell.span(start, end),), rule="table_cases.sex")


def column_volume(number: int, column: Column, index: ProcedureFact) -> ObservationFact | None:
    """The cement volume a column gives."""
    part = column.part(r"volume|cement|amount")
    if part is None:
        return None
    cell, start, end = part
    match = VOLUME.match(cell.text, start, end)
    return None if match is None else volume_fact(number, cell, match, index, "table_cases.volume")


def column_levels(column: Column, index: ProcedureFact) -> ProcedureFact:
    """The index procedure with the level its column gives: as its level, or as one more place that says so."""
    part = column.part(r"^(?:\w+\s)?level|^fracture|^vertebra")
    if part is None:
        return index
    cell, start, end = part
    mentions = [m for m in find_levels(cell.text) if start <= m.start and m.end <= end]
    levels = level_facts(cell, mentions, "table_cases.level")
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
                rule="table_cases.onset",
            )
    return None


def column_outcome(column: Column) -> Coded | None:
    part = column.part(r"outcome|result|recovery|status")
    if part is None:
        return None
    cell, start, end = part
    codes = {
        "recovered": "resolved",
        "fatal": "fatal",
        "improved": "recovering",
        "remaining": "resolvedWithSequelae",
        "unchanged": "ongoing",
    }
    hit = next((h for h in lexicon("outcomes").find(cell.text) if start <= h.start and h.end <= end), None)
    if hit is None:
        return None
    return Coded(
        code=codes[hit.code],
        text=cell.text[hit.start : hit.end],
        span=(cell.span(hit.start, hit.end),),
        rule="table_cases.outcome",
    )
