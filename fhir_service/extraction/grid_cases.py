"""The case that the labelled values of a table make of a patient of the report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.binding import bind
from fhir_service.extraction.condition_facts import condition
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.grid_harms import time_of
from fhir_service.extraction.laboratory_table import of_label
from fhir_service.extraction.levels import find_levels, level_facts
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patient_grid import GridPatient
from fhir_service.extraction.patient_rows import SEXES
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.refusals import refusal
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import (
    Age,
    Coded,
    ConditionFact,
    Level,
    ObservationFact,
    Polarity,
    ProcedureFact,
)

_NUMBER = compiled(r"(?<![\w.,-])(?P<n>\d+(?:[.,]\d+)?)(?![\w.,]\d)")
_SEX = compiled(r"(?<![^\W\d])(?P<sex>female|male|woman|man|[fm])(?![^\W\d])", re.IGNORECASE)
_IN_ML = compiled(r"\b(?:ml|c\.?c\.?)\b|\bcm3\b", re.IGNORECASE)
_PER_LEVEL = compiled(r"\bper\b|\beach\b|\blevel\b|\bvertebra", re.IGNORECASE)


def grid_age(number: int, patient: GridPatient) -> Age | None:
    """The age in years."""
    if patient.age is None:
        return None
    sentence, at = patient.age
    value = Decimal(sentence.text[slice(*at)])
    return Age(id=f"{number}/age", value=value, unit="a", span=(sentence.span(*at),), rule="grid_cases.age")


def grid_sex(patient: GridPatient) -> Coded | None:
    """The sex, in a column of its own or beside the age."""
    for _, value in (*patient.of("sex"), *patient.of("age")):
        match = _SEX.search(value.text)
        if match is not None:
            span = (value.span(*match.span("sex")),)
            return Coded(code=SEXES[match["sex"].lower()], text=match["sex"], span=span, rule="grid_cases.sex")
    return None


def grid_procedures(number: int, patient: GridPatient, titles: Sequence[Sentence]) -> tuple[ProcedureFact, ...]:
    """The augmentation of the table, else of its title or the report's, and what was done for the harm."""
    index = next(_index(number, patient, titles if patient.own else ()), None)
    if index is None:
        return ()
    facts = [index]
    for cell in _treatments(patient):
        named = None if _named(patient) or patient.of("complication") else _augmentation(cell)
        for hit in lexicon("procedures").find(cell.text):
            done = context.polarity(cell, hit.start, hit.end) is Polarity.AFFIRMED
            if done and hit.term["group"] in ("operation", "augmentation") and hit != named:
                levels = level_facts(cell, bind(cell.text).of(hit.start, hit.end), "grid_cases.revision-level")
                facts.append(_operation(number, cell, hit, ("revision", len(facts)), levels))
        if len(facts) == 1 and refusal(number, cell) is None:
            facts += _unnamed(number, cell)
    return tuple(facts)


def _named(patient: GridPatient) -> list[Sentence]:
    """The cells that name the augmentation."""
    return [cell for _, cell in patient.of("procedure") if _augmentation(cell) is not None]


def _treatments(patient: GridPatient) -> list[Sentence]:
    """What was done for the harm: "operation" heads that too, where it names no augmentation. In a table of published
    cases any column may tell it whose heading we do not know."""
    named = [cell for _, cell in patient.of("procedure") if _augmentation(cell) is None]
    known = [*named, *(cell for _, cell in patient.of("treatment"))]
    return known or ([] if patient.own else [cell for _, cell in patient.of("unlabelled")])


def _unnamed(number: int, cell: Sentence) -> Iterator[ProcedureFact]:
    """ "Surgery", "percutaneous retrieval": that there was an operation is all that the cell says."""
    for hit in lexicon("table-values").find(cell.text)[:1]:
        if context.polarity(cell, hit.start, hit.end) is Polarity.AFFIRMED:
            yield _operation(number, cell, hit, ("revision", 1), ())


def _index(number: int, patient: GridPatient, titles: Sequence[Sentence]) -> Iterator[ProcedureFact]:
    named, treated = _named(patient), _treatments(patient)
    levels = _levels(patient)
    of_harm = treated if patient.of("complication") else ()
    of_fracture = () if of_harm else treated
    about = (patient.title,) if patient.title else ()
    for words in (*named, *of_fracture, *about, *titles, *of_harm):
        hit = _augmentation(words)
        if hit is not None:
            yield _operation(number, words, hit, ("index", 1), levels)


def _augmentation(words: Sentence) -> Hit | None:
    found = (hit for hit in lexicon("procedures").find(words.text) if hit.term["group"] == "augmentation")
    return next(found, None)


def _operation(
    number: int, words: Sentence, hit: Hit, role: tuple[str, int], levels: tuple[Level, ...]
) -> ProcedureFact:
    span = (words.span(hit.start, hit.end),)
    code = "other" if hit.code == "augmentation" else hit.code
    return ProcedureFact(
        id=f"{number}/{role[0]}-{role[1]}",
        role=role[0],
        kind=Coded(code=code, text=words.text[hit.start : hit.end], span=span),
        level=levels,
        span=span,
        rule=f"grid_cases.{role[0]}",
    )


def _levels(patient: GridPatient) -> tuple[Level, ...]:
    for cells in (_named(patient), *([cell for _, cell in patient.of(code)] for code in ("level", "fracture"))):
        for cell in cells:
            levels = level_facts(cell, find_levels(cell.text), "grid_cases.index-level")
            if levels:
                return levels
    return ()


def grid_conditions(patient: GridPatient, index: ProcedureFact) -> Iterator[ConditionFact]:
    """The diseases of the patient; and the fracture, where the label names it and the value its level alone."""
    for _, cell in patient.of("comorbidity"):
        for hit in lexicon("diseases").find(cell.text):
            if context.polarity(cell, hit.start, hit.end) is Polarity.AFFIRMED:
                words = cell.text[hit.start : hit.end]
                yield condition(cell, (hit.start, hit.end), role="comorbidity", words=words, rule="in-table")
    for both, cell in patient.of("fracture")[:1]:
        heads = [hit for hit in lexicon("indications").find(both.text) if hit.term["group"] != "elsewhere"]
        levels = level_facts(cell, find_levels(cell.text), "grid_cases.indication-level")
        if heads and (levels or index.level):
            words = both.text[heads[0].start : heads[0].end].lower()
            at = (heads[0].start, heads[0].end)
            fact = condition(both, at, role="indication", words=words, rule="fracture-column")
            yield msgspec.structs.replace(fact, level=levels or index.level)


def grid_observations(number: int, patient: GridPatient, index: ProcedureFact) -> Iterator[ObservationFact]:
    """The cement volume, and how long the patient was followed."""
    for both, cell in patient.of("volume")[:1]:
        found = _NUMBER.findall(cell.text)
        match = _NUMBER.search(cell.text)
        if match is not None and len(found) == 1 and _IN_ML.search(both.text) and not _per_level(both.text, index):
            yield ObservationFact(
                id=f"{number}/cement-volume-1",
                kind=Coded(code="cement-volume", text=cell.text[:]),
                value=Decimal(match["n"].replace(",", ".")),
                unit="mL",
                part_of=index.id,
                span=(cell.span(*match.span("n")),),
                rule="grid_cases.volume",
            )
    for both, cell in patient.of("follow-up")[:1]:
        time = time_of(both, cell)
        if time is not None and time[0] > 0:
            yield ObservationFact(
                id=f"{number}/follow-up-duration",
                kind=Coded(code="follow-up-duration", text=cell.text[:]),
                value=time[0],
                unit=time[1],
                span=(cell.span(*time[2]),),
                rule="grid_cases.follow-up",
            )


def _per_level(text: str, index: ProcedureFact) -> bool:
    return len(index.level) > 1 and _PER_LEVEL.search(text) is not None


def grid_measurements(
    number: int, patient: GridPatient, procedures: Sequence[ProcedureFact]
) -> Iterator[ObservationFact]:
    """The values of the rows that name a measurement, with the time their label gives."""
    operations = Operations(procedures, ())
    for place, (both, cell) in enumerate(patient.of("measurement"), 1):
        points = timepoints(both)
        time = relative_time(both, points[0], operations, points[0].start) if len(points) == 1 else None
        for fact in of_label(both, cell, time):
            yield msgspec.structs.replace(fact, id=f"{number}/{fact.kind.code}-in-table-{place}")
