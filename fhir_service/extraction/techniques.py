"""How the index augmentation was done: approach, guidance, anaesthesia, cement."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import of_others
from fhir_service.reports.case_report import Cement, Coded, Polarity, ProcedureFact


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
