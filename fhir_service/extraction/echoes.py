"""What is said of a patient again outside the case section: titles, captions, "our case" in a discussion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhir_service.extraction.document import Document, Section
from fhir_service.extraction.narrative import names_patient, of_others, own_case, speaks_of_all
from fhir_service.extraction.patient_text import PatientText, somebody_else
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import find_people

_FIGURE = compiled(r"\bFigs?\.?\s?(\d{1,2})|\bFigures?\s(\d{1,2})", re.IGNORECASE)


def add_echoes(document: Document, patients: list[PatientText]) -> None:
    """Captions go to the patient who cites the figure; in a report of one, what it says of "our case" elsewhere too."""
    narrated = [patient for patient in patients if patient.case and not patient.speaks]
    cited = {figure: patient for patient in reversed(narrated) for s in patient.case for figure in _figures(s.text)}
    figure = ""
    for sentence in document.of(Section.CAPTION):
        figure = next(iter(_figures(sentence.text[:12])), figure)
        owner = cited.get(figure) or (narrated[0] if len(narrated) == 1 else None)
        if owner is not None:
            owner.echo.append(sentence)
    if len(narrated) > 1:
        _add_together(document, narrated)
    if len(narrated) != 1:
        return
    _add_title(document, narrated[0])
    taken = {id(sentence) for sentence in narrated[0].sentences}
    for sentence in document.sentences:
        if id(sentence) in taken or sentence.section in (Section.CAPTION, Section.COMMENT, Section.REFERENCES):
            continue
        if (sentence.section is Section.ABSTRACT and names_patient(sentence.text)) or own_case(sentence.text):
            narrated[0].echo.append(sentence)
            narrated[0].people += [
                (sentence, p) for p in find_people(sentence.text) if p.stated_age and not somebody_else(p, narrated[0])
            ]


def _add_title(document: Document, patient: PatientText) -> None:
    patient.echo += document.of(Section.TITLE)


def _add_together(document: Document, narrated: Sequence[PatientText]) -> None:
    """Sentences that speak of all the reported patients: "all four patients", or their number."""
    for sentence in document.sentences:
        if sentence.section in (Section.CAPTION, Section.COMMENT, Section.REFERENCES, Section.DISCUSSION):
            continue
        of_theirs = sentence.section is not Section.TITLE and of_others(sentence.text)
        if speaks_of_all(sentence.text, len(narrated)) and not of_theirs:
            for patient in narrated:
                patient.together.append(sentence)


def _figures(text: str) -> list[str]:
    return [match[1] or match[2] for match in _FIGURE.finditer(text)]
