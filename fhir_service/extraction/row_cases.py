"""The case a table row makes of a patient: of another paper, or of this one where the text tells no more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.binding import bind
from fhir_service.extraction.cement_volumes import VOLUME, volume_fact
from fhir_service.extraction.condition_facts import condition
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.follow_up import SHORTEST
from fhir_service.extraction.harms import Harm, find_harms
from fhir_service.extraction.levels import LevelGroup, find_groups, level_facts
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patient_rows import Row
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.refusals import is_inside, refusal
from fhir_service.extraction.row_outcomes import row_outcome
from fhir_service.extraction.timeline import DAYS, Duration, find_durations
from fhir_service.reports.case_report import (
    Coded,
    ComplicationFact,
    ConditionFact,
    ObservationFact,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
    Truth,
)

_AT_ONCE = compiled(
    r"\b(?:immediate(?:ly)?|intra-?operative(?:ly)?|during\s(?:the\s)?(?:procedure|injection|surgery))\b", re.IGNORECASE
)
_TIMES = ("onset", "follow-up")


def row_procedures(number: int, row: Row) -> tuple[ProcedureFact, ...]:
    """The augmentation the row names, else the one the table is about, at the level the row gives, and the operations
    the row lists."""
    sentence = row.sentence
    levels = _levels(row)
    facts = [*_index(number, row, levels)]
    bound = bind(sentence.text)
    for hit in lexicon("procedures").find(sentence.text):
        if (
            hit.term["group"] != "operation"
            or hit.start < row.age_at[0]
            or context.polarity(sentence, hit.start, hit.end) is Polarity.NEGATED
        ):
            continue
        given = tuple(m for m in bound.of(hit.start, hit.end) if levels is None or m.start > levels.end)
        span = (sentence.span(hit.start, hit.end),)
        fact = ProcedureFact(
            id=f"{number}/revision-{len([f for f in facts if f.role == 'revision']) + 1}",
            role="revision",
            kind=Coded(code=hit.code, text=sentence.text[hit.start : hit.end], span=span),
            level=level_facts(sentence, given, "row_cases.revision-level"),
            span=span,
            rule="row_cases.revision",
        )
        if not any(_same(known, fact) for known in facts):
            facts.append(fact)
    refused = refusal(number, sentence)
    if refused is None:
        return tuple(facts)
    return (*(fact for fact in facts if fact.role == "index" or not is_inside(fact, refused)), refused)


def _index(number: int, row: Row, levels: LevelGroup | None) -> Iterator[ProcedureFact]:
    for words in (row.sentence, row.title):
        named = _augmentation(words, row.age_at[0] if words is row.sentence else 0) if words is not None else None
        if words is not None and named is not None:
            span = (words.span(named.start, named.end),)
            yield ProcedureFact(
                id=f"{number}/index-1",
                role="index",
                kind=Coded(
                    code="other" if named.code == "augmentation" else named.code,
                    text=words.text[named.start : named.end],
                    span=span,
                ),
                level=level_facts(row.sentence, levels.mentions, "row_cases.index-level") if levels else (),
                span=span,
                rule="row_cases.index",
            )
            return


def _augmentation(words: Sentence, start: int) -> Hit | None:
    return next(
        (h for h in lexicon("procedures").find(words.text) if h.term["group"] == "augmentation" and h.start >= start),
        None,
    )


def _levels(row: Row) -> LevelGroup | None:
    return next((group for group in find_groups(row.sentence.text) if group.start > row.age_at[0]), None)


def _same(one: ProcedureFact, other: ProcedureFact) -> bool:
    return (
        one.role == other.role
        and one.kind.code == other.kind.code
        and {level.code for level in one.level} == {level.code for level in other.level}
    )


def row_complications(number: int, row: Row, procedures: Sequence[ProcedureFact]) -> tuple[ComplicationFact, ...]:
    """The harm the table's title is about, those the row names or puts in a place, with their onset, and their end."""
    operated = any(f.polarity is Polarity.AFFIRMED for f in procedures if f.role == "revision")
    end = row_outcome(row, operated=operated)
    index = next((fact.id for fact in procedures if fact.role == "index"), None)
    facts: list[ComplicationFact] = []
    for harm in _harms(row):
        span = harm.sentence.span(harm.start, harm.end)
        facts.append(
            ComplicationFact(
                id=f"{number}/complication-{len(facts) + 1}",
                kind=Coded(code=harm.code, text=harm.words, span=(span,)),
                onset=_onset(row, index) if index else None,
                outcome=end,
                suspect=(index,) if index else (),
                cement_suspect=Truth(value=True, span=(span,)) if harm.code.startswith("cement") else None,
                span=(span,),
                rule="row_cases.complication",
            )
        )
    return tuple(facts)


def _harms(row: Row) -> list[Harm]:
    found = [harm for words in (row.title,) if words is not None for harm in find_harms(words)]
    found = [h for h in found if h.polarity is Polarity.AFFIRMED and h.code not in ("fracture", "other")]
    harms = {harm.code: harm for harm in reversed(found)}
    if any(harm.code.endswith("-embolism") or harm.embolic for harm in found):
        for site in _sites(row):
            harms.setdefault(site.code, site)
    return list(harms.values())


def _sites(row: Row) -> Iterator[Harm]:
    """Where an embolus lay, by an abbreviation that the table explains ("PA, pulmonary artery")."""
    for short, long in row.short_for:
        code = next((hit.term["embolus"] for hit in lexicon("leak-sites").find(long) if hit.term["embolus"]), None)
        if code is None:
            continue
        for match in compiled(rf"(?<![\w/]){re.escape(short)}(?![\w/])").finditer(row.sentence.text):
            yield Harm(row.sentence, str(code), match.start(), match.end(), (), Polarity.AFFIRMED, embolic=True)
            break


def _onset(row: Row, index: str) -> RelativeTime | None:
    """The time a row gives, where a column of the table is of the onset."""
    at_once = _AT_ONCE.search(row.sentence.text)
    if "onset" in row.columns and at_once is not None:
        span = (row.sentence.span(*at_once.span()),)
        return RelativeTime(
            relation=Relation.AFTER, event=index, value=Decimal(0), unit="h", span=span, rule="row_cases.at-once"
        )
    time = _time(row, "onset")
    if time is None:
        return None
    return RelativeTime(
        relation=Relation.AFTER,
        event=index,
        value=time.value,
        low=time.low,
        high=time.high,
        unit=time.unit,
        span=(row.sentence.span(time.start, time.end),),
        rule="row_cases.onset",
    )


def _time(row: Row, column: str) -> Duration | None:
    """The amount of time of one column: the row holds as many as there are columns of times, in their order."""
    kinds = [code for code in row.columns if code in _TIMES]
    found = [time for time in find_durations(row.sentence.text) if time.start > row.age_at[1] + len(" years")]
    if "onset" in kinds and _AT_ONCE.search(row.sentence.text):
        kinds.remove("onset")
    return found[kinds.index(column)] if column in kinds and len(found) == len(kinds) else None


def row_observations(number: int, row: Row, procedures: Sequence[ProcedureFact]) -> Iterator[ObservationFact]:
    """The cement volume and the length of follow-up a row gives."""
    index = next((fact for fact in procedures if fact.role == "index"), None)
    volumes = list(VOLUME.finditer(row.sentence.text, row.age_at[1])) if "volume" in row.columns else []
    if index is not None and len(volumes) == 1:
        yield volume_fact(number, row.sentence, volumes[0], index, "row_cases.volume")
    time = _time(row, "follow-up")
    length = (time.high or time.value) if time is not None else None
    if time is not None and length is not None and length * DAYS[time.unit or "d"] >= SHORTEST:
        yield ObservationFact(
            id=f"{number}/follow-up-duration",
            kind=Coded(code="follow-up-duration", text=row.sentence.text[time.start : time.end]),
            value=length,
            unit=time.unit,
            span=(row.sentence.span(time.start, time.end),),
            rule="row_cases.follow-up",
        )


def row_conditions(row: Row, index: ProcedureFact | None) -> Iterator[ConditionFact]:
    """The diseases of a row, where a column of the table is of them; the fracture, where one is of its level."""
    text = row.sentence.text
    if "comorbidity" in row.columns:
        for hit in lexicon("diseases").find(text):
            if hit.start > row.age_at[0] and context.polarity(row.sentence, hit.start, hit.end) is Polarity.AFFIRMED:
                words = text[hit.start : hit.end]
                yield condition(row.sentence, (hit.start, hit.end), role="comorbidity", words=words, rule="in-table")
    named = any(h.term["group"] != "elsewhere" for h in lexicon("indications").find(text))
    if "fracture" in row.columns and not named and index is not None and index.level:
        spans = tuple(span for level in index.level for span in level.span)
        fact = condition(row.sentence, (0, 1), role="indication", words="fracture", rule="fracture-column")
        yield msgspec.structs.replace(fact, level=index.level, span=spans)
