"""Measurements of one patient: value, unit, side, site, time, printed normal range, and H, L or N by that range only.

Which number belongs to which name is `analytes`; here a reading becomes an ObservationFact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from fhir_service.extraction.analytes import Reading, readings, with_value
from fhir_service.extraction.context import is_prose
from fhir_service.extraction.continued_grades import ContinuedGrades
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.laboratory_table import table_values
from fhir_service.extraction.lexicon import Hit
from fhir_service.extraction.measured_places import side_of, site_of
from fhir_service.extraction.measured_times import Times
from fhir_service.extraction.muscle_table import table_pairs
from fhir_service.extraction.narrative import of_others
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.quantities import Quantity
from fhir_service.extraction.reference_ranges import Reference
from fhir_service.extraction.repeated_measurements import compared, merged, with_known_ranges
from fhir_service.extraction.timepoints import Operations
from fhir_service.reports.case_report import Coded, ObservationFact, ProcedureFact
from fhir_service.reports.span import SourceSpan

_PAIR_OF_SIDES = compiled(
    r"\(?\b(?P<first>right|left|R|L|rt|lt)\s?/\s?(?P<second>right|left|R|L|rt|lt)\b\)?", re.IGNORECASE
)
_GRADE_WORD = compiled(r"\bgrade\s$", re.IGNORECASE)
_LONGEST_SPAN = 70
_SITED = frozenset({"t-score"})
"""Codes whose value is of one site of the body."""


def read(
    document: Document,
    sentences: Sequence[Sentence],
    case_number: int,
    procedures: Sequence[ProcedureFact],
    *,
    alone: bool = False,
) -> tuple[ObservationFact, ...]:
    """The measurements that a patient's sentences state, each once, with every place that states it; of a patient who
    is `alone` in the report, those of its tables too."""
    operations = Operations(procedures, sentences)
    grades = ContinuedGrades(operations)
    found: list[tuple[Section, ObservationFact]] = []
    for sentence in sentences:
        if sentence.section in (Section.REFERENCES, Section.TITLE) or not is_prose(sentence):
            continue
        if sentence.section is not Section.TABLE and of_others(sentence.text):
            continue
        if sentence.section is Section.TABLE:
            facts = table_pairs(document, sentence, operations)
        else:
            facts = grades.read(sentence, _of_sentence(sentence, operations))
        found += [(sentence.section, fact) for fact in facts]
    if alone:
        found += [(Section.TABLE, fact) for fact in table_values(document, operations)]
    return _numbered(with_known_ranges(merged(found)), case_number)


def _spans(sentence: Sentence, reading: Reading) -> tuple[SourceSpan, ...]:
    """Name and number in one span, or in two where much else stands between."""
    name, quantity = reading.name, reading.quantity
    if reading.end - reading.start <= _LONGEST_SPAN:
        return (sentence.span(reading.start, reading.end),)
    end = max(quantity.end, reading.reference.end if reading.reference else 0)
    grade = _GRADE_WORD.search(sentence.text, 0, quantity.start)
    start = grade.start() if grade else quantity.start
    return (sentence.span(start, end), sentence.span(name.start, name.end))


def _of_sentence(sentence: Sentence, operations: Operations) -> list[ObservationFact]:
    found = readings(sentence.text)
    if not found:
        return []
    points = Times(sentence, found, operations)
    facts: list[ObservationFact] = []
    for reading in found:
        span = _spans(sentence, reading)
        time = points.of(reading)
        facts += [msgspec.structs.replace(f, span=span, time=time) for f in _facts(sentence.text, reading, found)]
    return facts


def _facts(text: str, reading: Reading, found: Sequence[Reading]) -> list[ObservationFact]:
    quantity = reading.quantity
    form = reading.name.term["form"]
    if form == "pair" and quantity.second is not None:
        return [
            _fact(text, reading, with_value(quantity, quantity.value), code="systolic"),
            _fact(text, reading, with_value(quantity, quantity.second), code="diastolic"),
        ]
    if form == "grade" and quantity.second is not None:
        sides = _PAIR_OF_SIDES.search(text)
        if sides:
            return [
                _fact(text, reading, with_value(quantity, value), side=_side_word(sides[name]))
                for name, value in (("first", quantity.value), ("second", quantity.second))
            ]
        if quantity.second != 5:
            return []
    side = side_of(text, reading, found) if form in ("grade", "scale") else None
    return [_fact(text, reading, with_value(quantity, quantity.value) if form else quantity, side=side)]


def _fact(
    text: str, reading: Reading, quantity: Quantity, *, code: str | None = None, side: str | None = None
) -> ObservationFact:
    term = reading.name.term
    unit = quantity.unit
    reference = reading.reference
    site = site_of(text, reading) if reading.name.code in _SITED else None
    return ObservationFact(
        id="",
        kind=Coded(code=code or reading.name.code, text=_name(text, reading.name)),
        value=quantity.value if quantity.high is None else None,
        low=quantity.value if quantity.high is not None else None,
        high=quantity.high,
        comparator=quantity.comparator,
        unit=unit.code if unit is not None else term["unit"],
        unit_text=unit.text if unit is not None else None,
        side=Coded(code=side) if side else None,
        site=Coded(text=site) if site else None,
        reference_low=reference.low if reference else None,
        reference_high=reference.high if reference else None,
        interpretation=_interpretation(quantity, reference),
        rule=f"measurements.{term['form'] or 'value'}",
    )


def _name(text: str, name: Hit) -> str:
    return compiled(r"\s?[(,]\s?").sub(" ", text[name.start : name.end]).strip()


def _interpretation(quantity: Quantity, reference: Reference | None) -> Coded | None:
    """H, L or N against the printed range; nothing for a value that is only a bound."""
    if reference is None or quantity.comparator is not None or quantity.high is not None:
        return None
    return compared(quantity.value, reference.low, reference.high)


def _side_word(word: str) -> str:
    return "right" if word[0].lower() == "r" else "left"


def _numbered(facts: Iterable[ObservationFact], case_number: int) -> tuple[ObservationFact, ...]:
    counts: dict[str, int] = {}
    out = []
    for fact in facts:
        code = fact.kind.code or "measurement"
        counts[code] = counts.get(code, 0) + 1
        out.append(msgspec.structs.replace(fact, id=f"{case_number}/{code}-{counts[code]}"))
    return tuple(out)
