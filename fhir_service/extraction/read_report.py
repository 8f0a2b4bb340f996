"""A report to its CaseReport: everything the text states, each fact with the words it came from."""

from __future__ import annotations

import msgspec

from fhir_service.extraction import cohort_statements, contradictions, procedures
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.grid_cases import grid_procedures
from fhir_service.extraction.left_out import language_of, shortened, without_what_is_no_report
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patients import find_patients
from fhir_service.extraction.read_case import Told, grid_case, read_case, read_row, row_case
from fhir_service.extraction.subject import tells_of_augmentation
from fhir_service.reports.case_report import Case, CaseReport
from fhir_service.reports.report import Report


def extract(report: Report) -> CaseReport:
    """The CaseReport of a report: the same text gives the same facts, always. Never raises on a readable text.

    A report of nobody holds a note that says why: empty, another language, no augmentation, no patient.
    """
    text = report.text
    if not text.strip():
        return CaseReport(note=("The report is empty.",))
    document, length = shortened(Document.read(text))
    language = language_of(document)
    if language:
        return CaseReport(note=(f"The report is not in English (it reads like {language}); nothing was read.",))
    kept, left_out = without_what_is_no_report(document)
    notes = (*length, *left_out)
    if not tells_of_augmentation(kept):
        nothing = "The report does not tell of a vertebral augmentation; nothing was read."
        if left_out and tells_of_augmentation(document):
            nothing = (
                "Apart from what was left out, the report tells of no patient who had a vertebral augmentation; "
                "nothing was read."
            )
        return CaseReport(note=(nothing, *notes))
    document = kept
    cases = _cases(document)
    if not cases:
        notes = ("The report tells of no patient who had a vertebral augmentation.", *notes)
    found = CaseReport(case=cases, group_statement=tuple(cohort_statements.read(document)), note=notes)
    return msgspec.structs.replace(found, contradiction=tuple(contradictions.read(document, found)))


def _cases(document: Document) -> tuple[Case, ...]:
    """The patients who had an augmentation, numbered in the order of the text."""
    told: list[Told] = []
    for patient in find_patients(document):
        patient.number = len(told) + 1
        course = None
        if patient.grid is not None:
            facts = grid_procedures(patient.number, patient.grid, _of_one_kind(document))
        elif patient.row is not None and not patient.case:
            facts = read_row(patient.number, patient.row)
        else:
            course, facts = procedures.read(patient)
        if any(fact.role == "index" for fact in facts):
            told.append(Told(patient, course, facts))
    courses = [each.course for each in told if each.course is not None]
    return tuple(
        read_case(document, each, courses)
        if each.course is not None
        else (row_case if each.patient.grid is None else grid_case)(document, each)
        for each in told
    )


def _of_one_kind(document: Document) -> tuple[Sentence, ...]:
    """The titles; and what the text says of the augmentation, where it names one kind alone."""
    told = document.of(Section.BACKGROUND, Section.ABSTRACT, Section.CASE, Section.OTHER)
    named = {
        hit.code: sentence
        for sentence in reversed(told)
        for hit in lexicon("procedures").find(sentence.text)
        if hit.term["group"] == "augmentation"
    }
    return (*document.of(Section.TITLE), *(named.values() if len(named) == 1 else ()))
