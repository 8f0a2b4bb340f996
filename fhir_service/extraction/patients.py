"""Who is a patient of this report, and which sentences speak of whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from fhir_service.extraction import patient_columns, patient_rows
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.echoes import add_echoes
from fhir_service.extraction.narrated import narrated
from fhir_service.extraction.patient_columns import Column, as_rows
from fhir_service.extraction.patient_grid import GridPatient, grid_patients, grid_patients_of_others
from fhir_service.extraction.patient_rows import Row
from fhir_service.extraction.patient_text import PatientText, somebody_else
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import find_people
from fhir_service.extraction.subject import AUGMENTED

_FIRST_PERSON = compiled(
    r"\b(?:I|i)\s(?:have\s|just\s|recently\s|also\s)*(?:had|have|underwent|got|received)\b|\bmy\s(?:(?!(?:own|unit|hospital|practice|clinic|department|patients?|colleagues?|experience|series|mother|father|wife|husband|sister|brother|aunt|uncle)\b)\w+\s){0,2}(?:surgery|kyphoplasty|vertebroplasty|back|spine|pain)",
)
_OF_KIN = compiled(
    r"(?:[Mm]y|[Hh]er|[Hh]is|[Oo]ur)\s(?:\w+\s)?(?:sister|brother|mother|father|aunt|uncle|cousin|daughter|son|husband|wife|friend|"
    r"neighbou?r|grand(?:mother|father)|mum|mom|dad)s?\b"
)
_ELSEWHERE = (Section.BACKGROUND, Section.DISCUSSION, Section.CONCLUSION, Section.OTHER)
"""Where a case is told when no heading says that it is one."""


def find_patients(document: Document) -> list[PatientText]:
    """The patients in order: those of the case section, else of the abstract, then comments, then literature tables."""
    told = narrated(document, Section.CASE)
    summary = narrated(document, Section.ABSTRACT)
    unnamed = not told or (
        len(told) == 1 and not told[0].people and summary and not any(s.heading for s in summary[0].case[:1])
    )
    if unnamed and summary and document.of(Section.CASE):  # told under labels, the person before the first of them
        summary = narrated(document, Section.ABSTRACT, Section.CASE)
    patients = told or summary or narrated(document, *_ELSEWHERE)
    if told and summary:
        _add_summary(told, summary)
    patients, tabled = _with_grid(patients, grid_patients(document))
    listed = {id(table): grid_patients_of_others(document, table) for table in document.tables}
    columns = patient_columns.columns(document)
    rows = patient_rows.rows(document, [table for table in document.tables if not listed[id(table)]])
    patients = _with_columns(patients, columns)
    patients += _speakers(document)
    if not patients and not tabled and not rows:
        rows = as_rows(document, columns)
    before = len(patients)
    for row in rows:
        known = next((patient for patient in patients if patient.row is None and row.own and _same(row, patient)), None)
        if known is not None:
            known.row = row
        elif not row.own or not (before or tabled):
            patients.append(PatientText(0, row=row))
    patients[before:before] = tabled
    patients += _published(listed, told=bool(before or tabled))
    add_echoes(document, patients)
    for number, patient in enumerate(patients, 1):
        patient.number = number
    return patients


def _add_summary(told: list[PatientText], summary: list[PatientText]) -> None:
    """What the abstract says of a patient of the case section is the same patient's, told twice."""
    for number, brief in enumerate(summary):
        match = None
        if len(told) == 1 and len(summary) == 1:
            match = told[0]
        elif brief.people:
            match = next((p for p in told if p.people and not somebody_else(brief.people[0][1], p)), None)
        elif len(told) == len(summary):
            match = told[number]
        if match is not None and not (
            len(told) == 1 and brief.people and match.people and somebody_else(brief.people[0][1], match)
        ):
            match.echo.extend(brief.case)
            match.people.extend(brief.people)
            if len(told) == 1 and match.people and not match.people[0][1].stated_age:
                match.people.sort(key=lambda pair: pair[1].stated_age is None)


def _with_grid(
    patients: list[PatientText], grids: Sequence[GridPatient]
) -> tuple[list[PatientText], list[PatientText]]:
    """The narrated patients, with their part of the table where the text gives no age; and those of the table alone.

    Of a table that does not hold all who are narrated, nobody is taken.
    """
    aged = [patient for patient in patients if any(person.stated_age for _, person in patient.people)]
    if not grids or not all(any(_is_grid(patient, grid) for grid in grids) for patient in aged):
        return patients, []
    known = [patient for patient in patients if patient in aged or patient.label is not None]
    tabled = []
    for grid in grids:
        match = next((p for p in known if _is_grid(p, grid)), None)
        if match is None:
            tabled.append(PatientText(0, grid=grid))
        elif match not in aged and grid.of("procedure"):
            match.grid = grid
    return known, tabled


def _is_grid(patient: PatientText, grid: GridPatient) -> bool:
    if patient.label is not None:
        return patient.label == grid.number
    ages = {person.age for _, person in patient.people if person.age is not None}
    return grid.age is not None and Decimal(grid.age[0].text[slice(*grid.age[1])]) in ages


def _with_columns(patients: list[PatientText], columns: list[Column]) -> list[PatientText]:
    for column in columns:
        match = next((p for p in patients if p.label == column.number), None)
        if match is None and len(patients) == len(columns):
            match = patients[columns.index(column)]
        if match is not None:
            match.column = column
    return patients


def _speakers(document: Document) -> list[PatientText]:
    """Readers who tell in a comment what an augmentation did to them."""
    units: dict[str, list[Sentence]] = {}
    for sentence in document.of(Section.COMMENT):
        units.setdefault(sentence.heading, []).append(sentence)
    speakers = []
    for sentences in units.values():
        if any(_FIRST_PERSON.search(s.text) and AUGMENTED.search(s.text) for s in sentences):
            own = [sentence for sentence in sentences if not _OF_KIN.match(sentence.text)]
            patient = PatientText(0, case=own, speaks=True)
            patient.people = [(s, p) for s in own for p in find_people(s.text) if p.stated_age]
            speakers.append(patient)
    return speakers


def _published(listed: Mapping[int, Sequence[GridPatient]], *, told: bool) -> list[PatientText]:
    """The patients of tables of published cases; of the one that is this report's, the text tells already."""
    return [PatientText(0, grid=grid) for grids in listed.values() for grid in grids if not (grid.own and told)]


def _same(row: Row, patient: PatientText) -> bool:
    ages = {person.age for _, person in patient.people if person.age is not None}
    sexes = {person.sex for _, person in patient.people if person.sex is not None}
    return (not ages or row.age in ages) and (not sexes or row.sex is None or row.sex in sexes)
