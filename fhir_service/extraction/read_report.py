"""A report to its CaseReport: everything the text states, each fact with the words it came from."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from fhir_service.extraction import complications, demographics, outcome, procedures, table_cases, techniques
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Document
from fhir_service.extraction.language import foreign_language
from fhir_service.extraction.links import linked
from fhir_service.extraction.patients import PatientText, find_patients
from fhir_service.reports.case_report import (
    Age,
    Case,
    CaseReport,
    Coded,
    ComplicationFact,
    Polarity,
    ProcedureFact,
    Truth,
)
from fhir_service.reports.report import Report

_AUGMENTATION = re.compile(
    r"(?:vertebro|kypho|vessel|cemento)plast|\bbone cement|\bcement\b|\bPMMA\b|vertebral augmentation|polymethyl",
    re.IGNORECASE,
)


def extract(report: Report) -> CaseReport:
    """The CaseReport of a report: the same text gives the same facts, always. Never raises on a readable text."""
    text = report.text
    if not text.strip():
        return CaseReport(note=("The report is empty.",))
    language = foreign_language(text)
    if language:
        return CaseReport(note=(f"The report is not in English (it reads like {language}); nothing was read.",))
    document = Document.read(text)
    if not _AUGMENTATION.search(text):
        return CaseReport(note=("The report does not tell of a vertebral augmentation; nothing was read.",))
    cases = _cases(document)
    notes = () if cases else ("The report tells of no patient who had a vertebral augmentation.",)
    found = CaseReport(case=tuple(cases), group_statement=_optional("cohort_statements", document), note=notes)
    return msgspec.structs.replace(found, contradiction=_optional("contradictions", document, found))


def _optional(name: str, *arguments: Any) -> tuple[Any, ...]:
    try:
        module = importlib.import_module(f"fhir_service.extraction.{name}")
    except ModuleNotFoundError:
        return ()
    return tuple(module.read(*arguments))


def _cases(document: Document) -> list[Case]:
    read: list[tuple[PatientText, Course, tuple[ProcedureFact, ...]]] = []
    for patient in find_patients(document):
        course, facts = procedures.read(patient)
        if patient.row is not None and not patient.case:
            facts = table_cases.row_procedures(patient.number, patient.row)
        if any(fact.role == "index" for fact in facts):
            read.append((patient, course, facts))
    courses = [course for _, course, _ in read]
    return [
        linked(_case(document, number, patient, course, facts, courses))
        for number, (patient, course, facts) in enumerate(read, 1)
    ]


def _case(
    document: Document,
    number: int,
    patient: PatientText,
    course: Course,
    facts: Sequence[ProcedureFact],
    courses: Sequence[Course],
) -> Case:
    if patient.number != number:
        facts = [_renumbered(fact, patient.number, number) for fact in facts]
        patient.number = number
    if patient.row is not None and not patient.case:
        sentences: tuple[Any, ...] = (patient.row.sentence,)
        harms = table_cases.row_complications(number, patient.row, facts)
        end = table_cases.row_outcome(patient.row)
        volumes: tuple[Any, ...] = ()
        follow_up = None
    else:
        sentences = patient.sentences
        facts = techniques.with_techniques(course, facts)
        index = next(fact for fact in facts if fact.role == "index")
        volumes = techniques.volumes(course, index)
        harms = complications.read(document, course, facts, courses)
        end = outcome.read_outcome(course)
        follow_up = outcome.read_follow_up(course)
        if patient.column is not None:
            facts, volumes, harms, end = _with_column(patient, facts, volumes, harms, end)
        harms = _with_outcome(harms, end)
    facts = tuple(facts)
    facts = _with_complications(facts, harms)
    conditions = _optional("conditions", document, sentences, number, facts)
    observations = (
        *volumes,
        *([follow_up] if follow_up else []),
        *_optional("measurements", document, sentences, number, facts),
    )
    observations += _optional("findings", document, sentences, number, facts)
    dead = end is not None and end.code == "fatal"
    return Case(
        number=number,
        id=f"{number}/patient",
        span=demographics.patient_span(patient),
        sex=demographics.read_sex(document, patient)
        or (table_cases.column_sex(patient.column) if patient.column else None),
        age=demographics.read_age(patient) or _column_age(number, patient),
        deceased=Truth(value=True, span=end.span, rule="read_report.deceased") if dead and end else None,
        procedure=facts,
        condition=conditions,
        observation=observations,
        complication=tuple(_with_history(harms, conditions)),
        remark=_optional("remarks", document, sentences, number, facts),
    )


def _renumbered(fact: ProcedureFact, old: int, new: int) -> ProcedureFact:
    part_of = fact.part_of.replace(f"{old}/", f"{new}/", 1) if fact.part_of else None
    return msgspec.structs.replace(fact, id=fact.id.replace(f"{old}/", f"{new}/", 1), part_of=part_of)


def _column_age(number: int, patient: PatientText) -> Age | None:
    found = table_cases.column_age(patient.column) if patient.column else None
    if found is None or not found[0].isdigit():
        return None
    words, cell, start, end = found
    return Age(id=f"{number}/age", value=Decimal(words), span=(cell.span(start, end),), rule="table_cases.age")


def _with_column(
    patient: PatientText,
    facts: Sequence[ProcedureFact],
    volumes: tuple[Any, ...],
    harms: Sequence[ComplicationFact],
    end: Coded | None,
) -> tuple[Any, ...]:
    """What a table column says of the patient, where the running text does not say it."""
    column = patient.column
    assert column is not None  # noqa: S101 - the caller asked only for patients with a column
    index = next(fact for fact in facts if fact.role == "index")
    told = table_cases.column_levels(column, index)
    facts = [told if fact is index else fact for fact in facts]
    volume = table_cases.column_volume(patient.number, column, told)
    if volume is not None and not volumes:
        volumes = (volume,)
    elif volume is not None and any(known.value == volume.value for known in volumes):
        volumes = tuple(
            msgspec.structs.replace(v, span=(*v.span, *volume.span)) if v.value == volume.value else v for v in volumes
        )
    timed = []
    for harm in harms:
        onset = harm.onset
        if onset is None or (onset.value is None and onset.low is None):
            onset = table_cases.column_onset(column, told, harm) or onset
        timed.append(msgspec.structs.replace(harm, onset=onset))
    return facts, volumes, tuple(timed), end or table_cases.column_outcome(column)


def _with_outcome(harms: Sequence[ComplicationFact], end: Coded | None) -> tuple[ComplicationFact, ...]:
    """A death ends its own event; any other end is that of the events the patient lived with."""
    if end is None:
        return tuple(harms)
    if end.code == "fatal":
        deadly = [harm for harm in harms if harm.kind.code == "death"]
        return tuple(
            msgspec.structs.replace(harm, outcome=end) if harm in deadly or not deadly else harm for harm in harms
        )
    return tuple(msgspec.structs.replace(harm, outcome=end) for harm in harms)


def _with_complications(facts: Sequence[ProcedureFact], harms: Sequence[ComplicationFact]) -> tuple[ProcedureFact, ...]:
    ids = tuple(harm.id for harm in harms)
    first = next(fact for fact in facts if fact.role == "index")
    del ids, first
    return tuple(facts)


def _with_history(harms: Sequence[ComplicationFact], conditions: Sequence[Any]) -> list[ComplicationFact]:
    """Every harm names the comorbidities of the patient."""
    history = tuple(c.id for c in conditions if c.role == "comorbidity" and c.polarity is Polarity.AFFIRMED)
    return [msgspec.structs.replace(harm, history=history) for harm in harms]
