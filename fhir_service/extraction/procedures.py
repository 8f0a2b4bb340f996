"""Operations of one patient: the augmentation the report is about, and those before it, with it and after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from fhir_service.extraction.binding import bind
from fhir_service.extraction.course import NOWHERE, Course, Place, follow
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.levels import LevelMention, level_facts
from fhir_service.extraction.narrative import general, of_others
from fhir_service.extraction.operations import Mention, mentions
from fhir_service.extraction.patients import PatientText
from fhir_service.extraction.timeline import find_times
from fhir_service.reports.case_report import Coded, Level, Polarity, ProcedureFact, Relation

_REFUSED = re.compile(r"\b(?:refus|declin|reject|did\snot\s(?:want|consent\sto|agree\sto)|unwilling)\w*", re.IGNORECASE)
_SURGERY = re.compile(r"\b(?:surgery|operation|surgical\s\w+|reoperation|intervention|decompression)\b", re.IGNORECASE)
_PERFORMED = re.compile(
    r"\b(?:(?:during|after)\s(?:the\s|this\s)?(?:procedure|operation|intervention)|post-?operative\w*|cement|injected)\b",
    re.IGNORECASE,
)
_NEW = re.compile(r"\b(?:new|subsequent\w*|later|required|another|then|adjacent)\b", re.IGNORECASE)
_NEXT_STEP = re.compile(r";|\bthen\b|\blater\b|\bafter\b|\bsubsequent|\bfollowed\b", re.IGNORECASE)
_NOT_TREATED = re.compile(
    r"\b(?:new|adjacent|subsequent|(?<!year[ -])(?<!years[ -])old|healed|chronic|previous(?:ly)?|known)\b"
)
_STAGE = re.compile(r"\b(?:stage[d]?|additional|second|later|2nd)\b", re.IGNORECASE)
_CEMENT = re.compile(r"\b(?:cement|polymethylmethacrylate|PMMA)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Index:
    """Mentions of the augmentation the report is about, of a repeat of it, and of an earlier one."""

    mentions: tuple[Mention, ...]
    later: tuple[Mention, ...] = ()
    earlier: tuple[Mention, ...] = ()


def read(patient: PatientText) -> tuple[Course, tuple[ProcedureFact, ...]]:
    """The operations of a patient told in running text, and the course they give the telling."""
    found = mentions(patient.case)
    echoes = mentions(patient.echo, first=len(patient.case))
    fractured = _fractured(patient.case)
    index = _index(found, fractured, patient.case) or _index(echoes, {}, ())
    index = index or _index(mentions(patient.together, first=len(patient.case)), {}, ())
    if index is None:
        return follow(patient, NOWHERE, NOWHERE), ()
    leading = [mention for mention in index.mentions if mention.place[0] < len(patient.case)]
    at = min((mention.place for mention in leading), default=(0, 0))
    roles = _roles(found, index, at)
    revision = min((mention.place for mention, role in roles if role == "revision"), default=NOWHERE)
    course = follow(patient, at, revision)
    facts = [*_index_facts(patient, index, echoes, fractured, course), *_other_facts(patient, roles, echoes)]
    return course, (*facts, *_refusal(patient, at))


# the index procedure -------------------------------------------------------------------------------------------------


def _carried_out_later(found: Sequence[Mention], told: Sequence[Sentence]) -> list[Mention]:
    """An augmentation that is only said to be considered, where further words show that it was done."""
    planned = [mention for mention in found if mention.augments and not _REFUSED.search(mention.sentence.text)]
    if not planned:
        return []
    return planned if any(_PERFORMED.search(s.text) for s in told[planned[0].place[0] + 1 :]) else []


def _index(found: Sequence[Mention], fractured: dict[int, tuple[str, ...]], told: Sequence[Sentence]) -> Index | None:
    """The first augmentation told as done or counted from; what is planned counts where nothing else does."""
    augmenting = [mention for mention in found if mention.augments and not mention.planned]
    augmenting = augmenting or _carried_out_later(found, told)
    augmenting = (
        augmenting
        or [
            m
            for m in found
            if m.operates and _CEMENT.search(m.sentence.text) and m.hit.code in ("fusion", "instrumentation")
        ][:1]
    )
    chosen: list[Mention] = []
    later: list[Mention] = []
    earlier: list[Mention] = []
    for place, mention in enumerate(augmenting):
        if mention.again and (chosen or any(not other.again for other in augmenting)):
            later.append(mention)
        elif _is_later(mention, chosen, fractured):
            later.append(mention)
        elif not chosen and _is_earlier(mention, augmenting[place + 1 :]):
            earlier.append(mention)
        else:
            chosen.append(mention)
    return Index(tuple(chosen), tuple(later), tuple(earlier)) if chosen else None


def _is_later(mention: Mention, chosen: Sequence[Mention], fractured: dict[int, tuple[str, ...]]) -> bool:
    """Done in a later sentence, at none of the levels known so far, because of something new."""
    if not chosen or mention.anchor or not mention.done or mention.place[0] == chosen[0].place[0]:
        return False
    known = {code for other in chosen for code in other.codes or fractured.get(other.place[0], ())}
    codes = mention.codes or {code for level in _fracture_mentions(mention.sentence, new=True) for code in level.codes}
    return bool(known and codes and known.isdisjoint(codes)) and _NEW.search(mention.sentence.text) is not None


def _is_earlier(mention: Mention, rest: Sequence[Mention]) -> bool:
    """Called previous, at other levels than an augmentation that is told as done further on."""
    return mention.earlier and any(
        other.done and other.codes and mention.codes and mention.codes.isdisjoint(other.codes) for other in rest
    )


def _index_facts(
    patient: PatientText, index: Index, echoes: Sequence[Mention], fractured: dict[int, tuple[str, ...]], course: Course
) -> list[ProcedureFact]:
    told = [*index.mentions, *(m for m in echoes if m.augments and not m.again and m not in index.mentions)]
    named = [m.hit.code for m in index.mentions if m.hit.code != "augmentation"]
    done = [m.hit.code for m in index.mentions if m.done and m.hit.code in named]
    facts: list[ProcedureFact] = []
    for kind in dict.fromkeys([*(done or named[:1] or [index.mentions[0].hit.code])]):
        same = [m for m in told if m.hit.code in (kind, "augmentation")] or [index.mentions[0]]
        code = {
            "augmentation": "other",
            "fusion": "cement-augmented-fixation",
            "instrumentation": "cement-augmented-fixation",
        }.get(kind, kind)
        facts.append(
            ProcedureFact(
                id=f"{patient.number}/index-{len(facts) + 1}",
                role="index",
                kind=Coded(code=code, text=same[0].words, span=(same[0].span(),)),
                level=_stated_levels(same) or _fracture_levels(patient, same, fractured, course),
                span=tuple(dict.fromkeys(m.span() for m in [same[0], *(m for m in same[1:] if m.done)]))[:4],
                rule="procedures.index",
            )
        )
    return facts


def _stated_levels(found: Sequence[Mention]) -> tuple[Level, ...]:
    """The levels given to the operation itself, by the first mention that gives any; captions come last."""
    for mention in sorted(found, key=lambda m: m.sentence.section is Section.CAPTION):
        if mention.levels:
            return level_facts(mention.sentence, mention.levels, "procedures.index-level")
    return ()


def _fractured(sentences: Sequence[Sentence]) -> dict[int, tuple[str, ...]]:
    """By sentence, the levels at which it tells of a fracture that is not new."""
    found = {}
    for number, sentence in enumerate(sentences):
        codes = tuple(code for mention in _fracture_mentions(sentence) for code in mention.codes)
        if codes and not general(sentence.text):
            found[number] = codes
    return found


def _fracture_mentions(sentence: Sentence, *, new: bool = False) -> list[LevelMention]:
    bound = bind(sentence.text)
    found: list[LevelMention] = []
    for place, head in enumerate(bound.heads):
        if head.code not in (("fracture", "adjacent-fracture") if new else ("fracture",)):
            continue
        if not new and _NOT_TREATED.search(sentence.text[max(0, head.start - 30) : head.start]):
            continue
        found += [mention for mention in bound.levels.get(place, ()) if mention not in found]
    return found


def _fracture_levels(
    patient: PatientText, same: Sequence[Mention], fractured: dict[int, tuple[str, ...]], course: Course
) -> tuple[Level, ...]:
    """Where the operation is given no level: the fracture it was done for, told in its sentence, else before any harm."""
    places = [m.place[0] for m in same if m.place[0] in fractured]
    if not places:
        places = sorted(
            (n for n in fractured if n <= course.index[0] or (course.clocks[n] is None and n < course.revision[0])),
            key=lambda n: abs(n - course.index[0]),
        )
    if not places:
        return ()
    sentence = patient.case[places[0]]
    return level_facts(sentence, _fracture_mentions(sentence), "procedures.index-level-of-fracture")


# operations before, with and after it --------------------------------------------------------------------------------


def _roles(found: Sequence[Mention], index: Index, at: Place) -> list[tuple[Mention, str]]:
    roles = [(mention, "revision") for mention in index.later] + [(mention, "prior") for mention in index.earlier]
    roles += [(m, _role(m, index, at)) for m in found if m.operates and not m.planned and m not in index.mentions]
    roles.sort(key=lambda pair: pair[0].place)
    return roles


def _role(mention: Mention, index: Index, at: Place) -> str:
    text = mention.sentence.text
    ago = any(t.relation is Relation.BEFORE and 0 <= t.start - mention.hit.end < 60 for t in find_times(text))
    if mention.place[0] != at[0]:
        return "prior" if mention.place < at or (mention.earlier and ago) else "revision"
    first = next(m for m in index.mentions if m.place == at) if any(m.place == at for m in index.mentions) else None
    if mention.hit.start < at[1]:
        between = text[mention.hit.end : at[1]]
        return "prior" if ago or mention.earlier or _NEXT_STEP.search(between) else "concomitant"
    if (first is not None and first.anchor) or _NEXT_STEP.search(text[at[1] : mention.hit.start]):
        return "revision"
    return "concomitant"


def _other_facts(
    patient: PatientText, roles: Sequence[tuple[Mention, str]], echoes: Sequence[Mention]
) -> list[ProcedureFact]:
    facts: list[ProcedureFact] = []
    counts: dict[str, int] = {}
    for mention, role in roles:
        fact = _fact(mention, role)
        if mention.augments and role == "revision" and not fact.level:
            fact = msgspec.structs.replace(fact, level=_reason_levels(patient, mention))
        known = next((i for i, other in enumerate(facts) if _same_operation(other, fact, mention)), None)
        if known is not None:
            facts[known] = _merged(facts[known], fact)
            continue
        counts[role] = counts.get(role, 0) + 1
        first = next((other.id for other in facts if other.role == role), None)
        staged = role == "revision" and first is not None and _STAGE.search(mention.sentence.text) is not None
        facts.append(
            msgspec.structs.replace(
                fact, id=f"{patient.number}/{role}-{counts[role]}", part_of=first if staged else None
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
    """A repeat augmentation that is given no level is of the fracture told last before it."""
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
    if one.role != other.role or one.kind.code != other.kind.code or mention.again:
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


def _refusal(patient: PatientText, at: Place) -> list[ProcedureFact]:
    """Surgery the patient would not have, told after the augmentation."""
    for number, sentence in enumerate(patient.case):
        if number < at[0] or general(sentence.text) or of_others(sentence.text):
            continue
        refused = _REFUSED.search(sentence.text)
        operation = _SURGERY.search(sentence.text, refused.end()) if refused else None
        if refused and operation and operation.start() - refused.end() < 60:
            span = sentence.span(refused.start(), operation.end())
            return [
                ProcedureFact(
                    id=f"{patient.number}/revision-refused",
                    role="revision",
                    kind=Coded(code="other", text=operation[0], span=(span,)),
                    polarity=Polarity.NEGATED,
                    refusal=Coded(text=sentence.text[refused.start() : operation.end()], span=(span,)),
                    span=(span,),
                    rule="procedures.refused",
                )
            ]
    return []
