"""Patients called by their initials: "Ms. A.K. (77 years)", later "A.K. complained of ..."."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import Person

_LETTERS = r"[A-Z]\.?\s?-?[A-Z]\.?(?![a-z\d])"
_INTRODUCED = compiled(
    rf"(?:\b(?:Mrs?|Ms|Miss|Patient|Case|Subject|Herr|Frau)\.?\s(?P<titled>{_LETTERS})|(?:^|[(\s])(?P<dotted>[A-Z]\.\s?-?[A-Z]\.))(?=[\s,(:;)])"
)
_OPENS = compiled(
    rf"^(?:In\s|For\s|With\s|On\s)?(?:(?:Mrs?|Ms|Miss|Patient|Case|Subject)\.?\s)?(?P<letters>{_LETTERS})(?:'s)?(?=[\s,:;])"
)
_REACH = 25


def initials_of(text: str, person: Person) -> str | None:
    """The initials that stand beside the age and sex of a person."""
    found = list(_INTRODUCED.finditer(text[max(0, person.start - _REACH) : person.end + 12]))
    return _plain(found[-1]["titled"] or found[-1]["dotted"]) if found else None


def meant_by_initials(text: str, patients: Sequence[PatientText]) -> int | None:
    """The place of the patient whose initials open a sentence."""
    match = _OPENS.match(text)
    known = [patient.initials for patient in patients]
    letters = _plain(match["letters"]) if match is not None else None
    return known.index(letters) if letters in known and letters is not None else None


def _plain(letters: str) -> str:
    return "".join(letter for letter in letters if letter.isalpha())
