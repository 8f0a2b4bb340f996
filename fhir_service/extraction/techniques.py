"""How the index augmentation was done: approach, guidance, anaesthesia, cement, and how much of it at which level."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Passage, Sentence
from fhir_service.extraction.levels import LevelGroup, find_groups, level_facts
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import general, of_others
from fhir_service.extraction.numbers import NUMBER, number_of
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Cement, Coded, ObservationFact, Polarity, ProcedureFact

VOLUME = compiled(
    rf"(?<![\w.])(?P<n>{NUMBER})\s?(?P<unit>c\.\s?c\.|cc\b|ml\b|mL\b|cm3\b|cm³|milliliters?\b|millilitres?\b)",
    re.IGNORECASE,
)
_CEMENT = compiled(r"\b(?:cement|polymethyl\s?methacrylate|PMMA|injected)\b", re.IGNORECASE)
_OTHER_FLUID = compiled(
    r"\b(?:blood|saline|contrast|pus|fluid|lidocaine|bupivacaine|drain\w*|urine|h(?:a)?ematoma|leak\w*|ropivacaine|heparin|CSF|transfus\w+)\b",
    re.IGNORECASE,
)


def with_techniques(course: Course, facts: Sequence[ProcedureFact]) -> tuple[ProcedureFact, ...]:
    """The facts, the first index procedure with what the report says of how it was done."""
    index = next((fact for fact in facts if fact.role == "index"), None)
    if index is None:
        return tuple(facts)
    details: dict[str, Coded] = {}
    cement: Cement | None = None
    for sentence in _sentences(course, before=3):
        for hit in lexicon("techniques").find(sentence.text):
            if context.polarity(sentence, hit.start, hit.end) is not Polarity.AFFIRMED:
                continue
            words, span = sentence.text[hit.start : hit.end], sentence.span(hit.start, hit.end)
            if hit.code == "cement":
                if cement is None or (cement.code is None and hit.term["pmma"]):
                    cement = Cement(
                        id=f"{course.patient.number}/cement",
                        code="pmma" if hit.term["pmma"] else None,
                        text=words,
                        span=(span,),
                        rule="techniques.cement",
                    )
            elif _near_index(course, sentence):
                details.setdefault(
                    hit.code, Coded(code=hit.code, text=words, span=(span,), rule=f"techniques.{hit.code}")
                )
    done = msgspec.structs.replace(index, detail=tuple(details.values()), cement=cement)
    return tuple(done if fact is index else fact for fact in facts)


def volumes(course: Course, index: ProcedureFact | None) -> tuple[ObservationFact, ...]:
    """Volumes of cement: one per stated level, else as stated."""
    if index is None:
        return ()
    found: dict[tuple[str, tuple[str, ...]], ObservationFact] = {}
    for sentence in _sentences(course, before=1):
        for fact in _volumes(course, sentence, index):
            key = (str(fact.value), tuple(level.code for level in fact.level))
            same = next((k for k in found if k[0] == key[0] and (not k[1] or not key[1] or k[1] == key[1])), None)
            if same is not None:
                known = found[same]
                found[same] = msgspec.structs.replace(
                    known, span=tuple(dict.fromkeys((*known.span, *fact.span))), level=known.level or fact.level
                )
            else:
                found[key] = msgspec.structs.replace(fact, id=f"{course.patient.number}/cement-volume-{len(found) + 1}")
    return tuple(found.values())


def volume_fact(
    number: int, passage: Passage, match: re.Match[str], index: ProcedureFact, rule: str
) -> ObservationFact:
    """The ObservationFact of one matched VOLUME."""
    return ObservationFact(
        id=f"{number}/cement-volume-1",
        kind=Coded(code="cement-volume", text=match[0]),
        value=number_of(match["n"]),
        unit="mL",
        unit_text=match["unit"],
        part_of=index.id,
        span=(passage.span(match.start(), match.end()),),
        rule=rule,
    )


def _volumes(course: Course, sentence: Sentence, index: ProcedureFact) -> list[ObservationFact]:
    facts = []
    groups = find_groups(sentence.text)
    matches = list(VOLUME.finditer(sentence.text))
    for match in matches:
        near = sentence.text[max(0, match.start() - 70) : match.end() + 70]
        right = sentence.text[match.end() : match.end() + 40]
        if not _CEMENT.search(near) or _OTHER_FLUID.search(right) or general(sentence.text):
            continue
        fact = volume_fact(course.patient.number, sentence, match, index, "techniques.volume")
        own = [
            g
            for g in groups
            if 0 <= g.start - match.end() < 30
            and compiled(r"\s?(?:of\s(?:\w+\s){0,3})?(?:in|into|at|for|\()").match(right)
        ]
        if own and len(matches) > 1 and "respectively" not in sentence.text:
            fact = msgspec.structs.replace(
                fact, level=level_facts(sentence, own[0].mentions, "techniques.volume-level")
            )
        facts.append(fact)
    return _respectively(sentence, facts, groups)


def _respectively(
    sentence: Sentence, facts: list[ObservationFact], groups: Sequence[LevelGroup]
) -> list[ObservationFact]:
    """ "2 mL and 2.5 mL at T5 and T6, respectively": each volume its own level."""
    listed = next((g for g in groups if len(g.mentions) == len(facts) > 1), None)
    if listed is None or "respectively" not in sentence.text or any(fact.level for fact in facts):
        return facts
    return [
        msgspec.structs.replace(fact, level=level_facts(sentence, (mention,), "techniques.volume-level"))
        for fact, mention in zip(facts, listed.mentions, strict=True)
    ]


def _sentences(course: Course, *, before: int) -> list[Sentence]:
    """The leading sentences about the index procedure, and what is told again elsewhere."""
    start = max(0, course.index[0] - before)
    leading = course.patient.case[start : course.revision[0] + 1]
    return [s for s in (*leading, *course.patient.echo) if not of_others(s.text)]


def _near_index(course: Course, sentence: Sentence) -> bool:
    place = course.place(sentence, 0)
    return (
        place is not None and course.index[0] - 1 <= place[0] <= course.index[0] + 3 and place[0] < course.revision[0]
    )
