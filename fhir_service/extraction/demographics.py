"""Age and sex of a patient, from how the text introduces the patient and from its pronouns."""

from __future__ import annotations

import re
from collections import Counter

from fhir_service.extraction import column_cases, grid_cases
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.narrative import of_others
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import Person
from fhir_service.reports.case_report import Age, Coded
from fhir_service.reports.span import SourceSpan

_SHE = compiled(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE)
_HE = compiled(r"\b(?:he|his|him|himself)\b", re.IGNORECASE)
_OF_SELF = compiled(
    r"\b(?:someone|somebody|a\s(?:person|woman|man|lady|girl|wife|mother))\b[^.;!?]{0,60}?\b(?P<pronoun>her|his|she|he)\b",
    re.IGNORECASE,
)
_MESH = compiled(r"^\s*(?:MeSH|Key\s?words?)\b", re.IGNORECASE)
_MESH_SEX = compiled(r"(?<=[;:,])\s*(?P<sex>Female|Male)\s*(?=[;,.]|$)")


def read_age(patient: PatientText) -> Age | None:
    """The stated age; the leading sentences first."""
    number = patient.number
    stated = [(sentence, person) for sentence, person in _ordered(patient) if person.stated_age and person.age_at]
    if stated:
        _, person = stated[0]
        same = [(s, p) for s, p in stated if p.stated_age == person.stated_age]
        spans = tuple(dict.fromkeys(s.span(*p.age_at) for s, p in same if p.age_at))
        return Age(
            id=f"{number}/age",
            value=person.age,
            low=person.low,
            high=person.high,
            unit=person.unit,
            unit_text=person.unit_text,
            span=spans,
            rule="demographics.age",
        )
    if patient.grid is not None:
        return grid_cases.grid_age(number, patient.grid)
    if patient.column is not None and (age := column_cases.column_age(number, patient.column)) is not None:
        return age
    if patient.row is not None and patient.row.age is not None:
        return Age(
            id=f"{number}/age",
            value=patient.row.age,
            unit="a",
            span=(patient.row.sentence.span(*patient.row.age_at),),
            rule="demographics.age-in-table",
        )
    return None


def read_sex(document: Document, patient: PatientText) -> Coded | None:
    """`male` or `female` where the text says so or its pronouns agree."""
    for sentence, person in _ordered(patient):
        if person.sex and person.sex_at:
            return _sex(person.sex, sentence, *person.sex_at, "demographics.sex")
    if patient.grid is not None and (told := grid_cases.grid_sex(patient.grid)) is not None:
        return told
    if patient.column is not None and (sex := column_cases.column_sex(patient.column)) is not None:
        return sex
    if patient.row is not None and patient.row.sex:
        return _sex(patient.row.sex, patient.row.sentence, *patient.row.sex_at, "demographics.sex-in-table")
    if patient.speaks:
        return _self_description(patient)
    return _by_pronouns(patient) or _by_keywords(document, patient)


def _ordered(patient: PatientText) -> list[tuple[Sentence, Person]]:
    leading = {id(sentence) for sentence in patient.case}
    return sorted(patient.people, key=lambda pair: id(pair[0]) not in leading)


def _sex(sex: str, sentence: Sentence, start: int, end: int, rule: str) -> Coded:
    return Coded(code=sex, text=sentence.text[start:end], span=(sentence.span(start, end),), rule=rule)


def _by_pronouns(patient: PatientText) -> Coded | None:
    counts: Counter[str] = Counter()
    first: dict[str, tuple[Sentence, int, int]] = {}
    for sentence in patient.case:
        if of_others(sentence.text):
            continue
        for sex, pattern in (("female", _SHE), ("male", _HE)):
            for match in pattern.finditer(sentence.text):
                counts[sex] += 1
                first.setdefault(sex, (sentence, match.start(), match.end()))
    if not counts:
        return None
    (sex, most), *rest = counts.most_common()
    if rest and rest[0][1] * 3 > most:
        return None
    return _sex(sex, *first[sex], "demographics.sex-by-pronoun")


def _self_description(patient: PatientText) -> Coded | None:
    """A writer calls herself "someone who ... her back"; he and she are else the people she writes about."""
    for sentence in patient.case:
        match = _OF_SELF.search(sentence.text)
        if match:
            sex = "female" if match["pronoun"].lower() in ("her", "she") else "male"
            return _sex(sex, sentence, *match.span("pronoun"), "demographics.sex-of-writer")
    return None


def _by_keywords(document: Document, patient: PatientText) -> Coded | None:
    """Index terms name the sex of the one patient of a report."""
    if patient.number != 1:
        return None
    for sentence in document.of(Section.OTHER):
        if _MESH.match(sentence.text):
            found = list(_MESH_SEX.finditer(sentence.text))
            if len(found) == 1:
                return _sex(found[0]["sex"].lower(), sentence, *found[0].span("sex"), "demographics.sex-in-keywords")
    return None


def patient_span(patient: PatientText) -> tuple[SourceSpan, ...]:
    """The words that introduce the patient."""
    if patient.people:
        sentence, person = _ordered(patient)[0]
        return (sentence.span(person.start, person.end),)
    if patient.grid is not None and patient.grid.age is not None:
        sentence, at = patient.grid.age
        return (sentence.span(*at),)
    if patient.row is not None:
        row = patient.row
        return (
            (row.sentence.span(row.age_at[0], max(row.age_at[1], row.sex_at[1])),)
            if row.age_at[0] < row.sex_at[1]
            else ()
        )
    return ()
