"""Operations of one patient: the augmentation the report is about, and those before it, with it and after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from fhir_service.extraction.binding import bind
from fhir_service.extraction.course import NOWHERE, Course, Place, follow
from fhir_service.extraction.index_procedure import Index, find_index, index_facts
from fhir_service.extraction.level_references import last_named, there
from fhir_service.extraction.levels import LevelMention, level_facts
from fhir_service.extraction.narrative import general, of_others
from fhir_service.extraction.operation_times import operation_time
from fhir_service.extraction.operations import Mention, mentions
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.refusals import is_inside, refusal
from fhir_service.extraction.timeline import find_times
from fhir_service.reports.case_report import Coded, Level, ProcedureFact, Relation

_NEXT_STEP = compiled(r";|\bthen\b|\blater\b|\bafter\b|\bsubsequent|\bfollowed\b", re.IGNORECASE)
_DONE_AFTER = compiled(r"\b(?:after|following|since)\s(?:[\w-]+\s){0,3}$", re.IGNORECASE)
_PLUPERFECT = compiled(r"\bhad\s(?:(?:already|once|previously|long)\s)?been\s\w+$", re.IGNORECASE)
_HAD_HAD = compiled(r"\bhad\s(?:(?:already|once|previously|also|long)\s)?(?:undergone|had|received)\b", re.IGNORECASE)
_STAGE = compiled(r"\b(?:stage[d]?|additional|second|later|2nd)\b", re.IGNORECASE)


def read(patient: PatientText) -> tuple[Course, tuple[ProcedureFact, ...]]:
    """The operations of a patient told in running text, and the course they give the telling."""
    found = mentions(patient.case)
    echoes = mentions(patient.echo, first=len(patient.case))
    index = find_index(patient, found, echoes)
    if index is None:
        return follow(patient, NOWHERE, NOWHERE), ()
    leading = [mention for mention in index.mentions if mention.place[0] < len(patient.case)]
    at = min((mention.place for mention in leading), default=(0, 0))
    roles = _roles(found, index, at)
    revision = min((mention.place for mention, role in roles if role == "revision"), default=NOWHERE)
    course = follow(patient, at, revision)
    facts = [*index_facts(patient, index, echoes, course), *_other_facts(course, roles, echoes)]
    refused = next(_refusal(patient, at), None)
    if refused is None:
        return course, tuple(facts)
    return course, (*(fact for fact in facts if not (fact.role == "revision" and is_inside(fact, refused))), refused)


# operations before, with and after it --------------------------------------------------------------------------------


def _roles(found: Sequence[Mention], index: Index, at: Place) -> list[tuple[Mention, str]]:
    roles = [(mention, "revision") for mention in index.later] + [(mention, "prior") for mention in index.earlier]
    own = {id(mention) for mention in index.mentions}
    roles += [(m, _role(m, index, at)) for m in found if m.operates and not m.planned and id(m) not in own]
    roles.sort(key=lambda pair: pair[0].place)
    return roles


def _role(mention: Mention, index: Index, at: Place) -> str:
    text = mention.sentence.text
    ago = any(t.relation is Relation.BEFORE and 0 <= t.start - mention.hit.end < 60 for t in find_times(text))
    if mention.place[0] != at[0]:
        told_before = mention.place < at
        before = told_before and (
            not mention.hit.term["of_harm"] or _HAD_HAD.search(text, 0, mention.hit.start) is not None
        )
        return "prior" if before or (mention.earlier and ago) else "revision"
    first = next(m for m in index.mentions if m.place == at) if any(m.place == at for m in index.mentions) else None
    if mention.hit.start < at[1]:
        if first is not None and first.anchor and (mention.again or _DONE_AFTER.search(text, mention.hit.end, at[1])):
            return "revision"
        between = text[mention.hit.end : at[1]]
        past = _PLUPERFECT.search(text, 0, mention.hit.end) is not None
        return "prior" if ago or past or mention.earlier or _NEXT_STEP.search(between) else "concomitant"
    if (first is not None and first.anchor) or _NEXT_STEP.search(text[at[1] : mention.hit.start]):
        return "revision"
    return "concomitant"


def _other_facts(
    course: Course, roles: Sequence[tuple[Mention, str]], echoes: Sequence[Mention]
) -> list[ProcedureFact]:
    patient = course.patient
    facts: list[ProcedureFact] = []
    counts: dict[str, int] = {}
    for mention, role in roles:
        fact = _fact(mention, role)
        if mention.augments and role == "revision" and not fact.level:
            fact = msgspec.structs.replace(fact, level=_reason_levels(patient, mention))
        elif role == "revision" and not fact.level:
            fact = msgspec.structs.replace(fact, level=_levels_there(patient, mention))
        known = next((i for i, other in enumerate(facts) if _same_operation(other, fact, mention)), None)
        if known is not None:
            facts[known] = _merged(facts[known], fact)
            continue
        counts[role] = counts.get(role, 0) + 1
        first = next((other.id for other in facts if other.role == role), None)
        staged = role == "revision" and first is not None and _STAGE.search(mention.sentence.text) is not None
        facts.append(
            msgspec.structs.replace(
                fact,
                id=f"{patient.number}/{role}-{counts[role]}",
                part_of=first if staged else None,
                time=operation_time(course, mention, role, first),
            )
        )
    for mention in echoes:
        if mention.augments or mention.planned:
            continue
        fact = _fact(mention, "revision")
        known = next(
            (i for i, other in enumerate(facts) if other.kind.code == fact.kind.code and _compatible(other, fact)), None
        )
        if known is not None:
            facts[known] = _merged(facts[known], fact)
    return facts


def _reason_levels(patient: PatientText, mention: Mention) -> tuple[Level, ...]:
    """A repeat augmentation that is given no level is of the fracture told last before it in the case."""
    if mention.place[0] >= len(patient.case):
        return ()
    for number in range(mention.place[0], max(-1, mention.place[0] - 4), -1):
        sentence = patient.case[number]
        end = mention.hit.start if number == mention.place[0] else len(sentence.text)
        bound = bind(sentence.text)
        found: list[LevelMention] = []
        for place, head in enumerate(bound.heads):
            if head.end <= end and head.code in ("fracture", "refracture", "adjacent-fracture"):
                found += [level for level in bound.levels.get(place, ()) if level not in found]
        if found:
            return level_facts(sentence, found, "procedures.revision-level-of-fracture")
    return ()


def _levels_there(patient: PatientText, mention: Mention) -> tuple[Level, ...]:
    """ "Foraminotomy at that level": the levels named last."""
    number = mention.place[0]
    if number >= len(patient.case) or not there(mention.sentence.text, mention.hit.end):
        return ()
    named = last_named(patient.case[:number], mention.sentence, mention.hit.start)
    return level_facts(*named, "procedures.revision-level-there") if named is not None else ()


def _fact(mention: Mention, role: str) -> ProcedureFact:
    code = "other" if mention.hit.code == "augmentation" else mention.hit.code
    return ProcedureFact(
        id="",
        role=role,
        kind=Coded(code=code, text=mention.words, span=(mention.span(),)),
        level=level_facts(mention.sentence, mention.levels, f"procedures.{role}-level"),
        span=(mention.span(),),
        rule=f"procedures.{role}",
    )


def _codes(fact: ProcedureFact) -> frozenset[str]:
    return frozenset(level.code for level in fact.level)


def _compatible(one: ProcedureFact, other: ProcedureFact) -> bool:
    a, b = _codes(one), _codes(other)
    return not a or not b or a <= b or b <= a


def _same_operation(one: ProcedureFact, other: ProcedureFact, mention: Mention) -> bool:
    if one.role != other.role or one.kind.code != other.kind.code or (mention.again and not mention.anchor):
        return False
    return _compatible(one, other)


def _merged(one: ProcedureFact, other: ProcedureFact) -> ProcedureFact:
    """The same operation told twice: one fact, both spans."""
    levels = {level.code: level for level in one.level}
    for level in other.level:
        known = levels.get(level.code)
        spans = (*(known.span if known else ()), *level.span)
        levels[level.code] = msgspec.structs.replace(known or level, span=tuple(dict.fromkeys(spans)))
    spans = tuple(dict.fromkeys((*one.span, *other.span)))[:4]
    return msgspec.structs.replace(one, level=tuple(levels.values()), span=spans)


def _refusal(patient: PatientText, at: Place) -> Iterator[ProcedureFact]:
    """Surgery the patient would not have, told after the augmentation; the first of it."""
    for number, sentence in enumerate(patient.case):
        if number < at[0] or general(sentence.text) or of_others(sentence.text):
            continue
        fact = refusal(patient.number, sentence)
        if fact is not None:
            yield fact
            return
