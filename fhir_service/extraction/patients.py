"""Who is a patient of this report, and which sentences speak of whom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from fhir_service.extraction import patient_columns, patient_rows
from fhir_service.extraction.case_openings import heading_number, sentence_number
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.echoes import add_echoes
from fhir_service.extraction.group_passages import of_groups
from fhir_service.extraction.initials import initials_of
from fhir_service.extraction.narrative import (
    collective,
    of_others,
    tells_of_patient,
)
from fhir_service.extraction.patient_columns import Column, as_rows
from fhir_service.extraction.patient_grid import GridPatient, grid_patients, grid_patients_of_others
from fhir_service.extraction.patient_rows import Row
from fhir_service.extraction.patient_text import PatientText, somebody_else
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import Person, find_people
from fhir_service.extraction.people_together import find_together
from fhir_service.extraction.told_apart import Apart

_FIRST_PERSON = compiled(
    r"\b(?:I|i)\s(?:have\s|just\s|recently\s|also\s)*(?:had|have|underwent|got|received)\b|\bmy\s(?:(?!(?:own|unit|hospital|practice|clinic|department|patients?|colleagues?|experience|series|mother|father|wife|husband|sister|brother|aunt|uncle)\b)\w+\s){0,2}(?:surgery|kyphoplasty|vertebroplasty|back|spine|pain)",
)
_OF_KIN = compiled(
    r"(?:[Mm]y|[Hh]er|[Hh]is|[Oo]ur)\s(?:\w+\s)?(?:sister|brother|mother|father|aunt|uncle|cousin|daughter|son|husband|wife|friend|"
    r"neighbou?r|grand(?:mother|father)|mum|mom|dad)s?\b"
)
_AUGMENTED = compiled(r"plasty\b|plasties\b|\b(?:PKP|PVP|BKP|VP|KP)\b|\bcement", re.IGNORECASE)
_ELSEWHERE = (Section.BACKGROUND, Section.DISCUSSION, Section.CONCLUSION, Section.OTHER)
"""Where a case is told when no heading says that it is one."""


def find_patients(document: Document) -> list[PatientText]:
    """The patients in order: those of the case section, else of the abstract, then comments, then literature tables."""
    told = _narrated(document, Section.CASE)
    summary = _narrated(document, Section.ABSTRACT)
    unnamed = not told or (
        len(told) == 1 and not told[0].people and summary and not any(s.heading for s in summary[0].case[:1])
    )
    if unnamed and summary and document.of(Section.CASE):  # told under labels, the person before the first of them
        summary = _narrated(document, Section.ABSTRACT, Section.CASE)
    patients = told or summary or _narrated(document, *_ELSEWHERE)
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
    narrated = len(patients)
    for row in rows:
        known = next((patient for patient in patients if patient.row is None and row.own and _same(row, patient)), None)
        if known is not None:
            known.row = row
        elif not row.own or not (narrated or tabled):
            patients.append(PatientText(0, row=row))
    patients[narrated:narrated] = tabled
    patients += _published(listed, told=bool(narrated or tabled))
    add_echoes(document, patients)
    for number, patient in enumerate(patients, 1):
        patient.number = number
    return patients


def _narrated(document: Document, *sections: Section) -> list[PatientText]:
    """Split the sentences of some sections among the persons they introduce one after the other."""
    sentences = document.of(*sections)
    groups = of_groups(sentences)
    patients: list[PatientText] = []
    pending: list[Sentence] = []
    shared_paragraph = -1
    current: PatientText | None = None
    apart: Apart | None = None
    heading = ""
    for sentence in sentences:
        if id(sentence) in groups:
            continue
        number = heading_number(sentence) if sentence.heading != heading else None
        number = sentence_number(sentence, patients) if number is None else number
        heading = sentence.heading
        if number is not None:
            current = _numbered(patients, number)
        if not patients and (people := find_together(sentence.text)):
            apart = Apart.of(sentence.text, people)
            patients = _together(document.text, sentence, apart)
            continue
        if apart is not None and number is None and _told_apart(apart, sentence, patients):
            continue
        for person in _introduced(sentence, again=current is not None):
            if current is None or (number is None and somebody_else(person, current)):
                current = _known(person, patients) or _new(patients)
            current.people.append((sentence, person))
            current.initials = current.initials or initials_of(sentence.text, person)
        if current is None:
            pending.append(sentence)
        elif _for_everyone(sentence, patients) or sentence.paragraph == shared_paragraph:
            shared_paragraph = sentence.paragraph
        else:
            current.case.append(sentence)
    if not patients:
        patients = _nobody_named(pending)
    if len(patients) == 1:
        patients[0].case[:0] = pending
    return patients


def _together(text: str, sentence: Sentence, apart: Apart) -> list[PatientText]:
    """The patients of a sentence that introduces them together; of an augmentation in it each has a part."""
    own = apart.introduced(text, sentence) if _AUGMENTED.search(sentence.text) else None
    shared = [sentence] if all(place is None for place, _ in apart.parts(sentence)) else []
    return [
        PatientText(
            place + 1, case=[own[place]] if own else [], people=[(sentence, person)], together=shared, apart=True
        )
        for place, person in enumerate(apart.people)
    ]


def _told_apart(apart: Apart, sentence: Sentence, patients: Sequence[PatientText]) -> bool:
    """Whether the words of a sentence say which of the patients told of together it means; then it is theirs."""
    if any(person.stated_age for person in find_people(sentence.text)) or not all(p.apart for p in patients):
        return False
    parts = apart.parts(sentence)
    if any(place is None for place, _ in parts):
        return False
    for place, part in parts:
        if place is not None:
            patients[place].case.append(part)
    return True


def _introduced(sentence: Sentence, *, again: bool) -> list[Person]:
    """The persons a sentence introduces as patients of the report; with `again`, somebody is told of already."""
    if of_others(sentence.text):
        return []
    together = collective(sentence.text)
    found = [person for person in find_people(sentence.text) if not (together and person.age is None)]
    return [person for place, person in enumerate(found) if not (person.by_the_way and (again or place))]


def _nobody_named(told: Sequence[Sentence]) -> list[PatientText]:
    """One patient where sentences tell of an augmentation and of somebody who is never introduced."""
    tells = any(tells_of_patient(s.text) for s in told) and any(_AUGMENTED.search(s.text) for s in told)
    return [PatientText(1)] if tells else []


def _numbered(patients: list[PatientText], number: int) -> PatientText:
    known = next((patient for patient in patients if patient.label == number), None)
    if known is None and 1 <= number <= len(patients) and patients[number - 1].label is None:
        known = patients[number - 1]
    if known is None:
        known = _new(patients)
    known.label = number
    return known


def _new(patients: list[PatientText]) -> PatientText:
    patients.append(PatientText(len(patients) + 1))
    return patients[-1]


def _known(person: Person, patients: Sequence[PatientText]) -> PatientText | None:
    if person.stated_age is None:
        return None
    return next((patient for patient in patients if patient.people and not somebody_else(person, patient)), None)


def _for_everyone(sentence: Sentence, patients: Sequence[PatientText]) -> bool:
    """A paragraph that takes the patients together is about none of them from there on."""
    return len(patients) > 1 and collective(sentence.text)


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
        if any(_FIRST_PERSON.search(s.text) and _AUGMENTED.search(s.text) for s in sentences):
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
