"""Running text split among the patients it tells of, who are introduced one after the other or together."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.extraction.case_openings import heading_number, sentence_number
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.group_passages import of_groups
from fhir_service.extraction.initials import initials_of
from fhir_service.extraction.levels import find_levels
from fhir_service.extraction.narrative import collective, of_others, tells_of_patient
from fhir_service.extraction.patient_text import PatientText, somebody_else
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import Person, find_people
from fhir_service.extraction.people_together import find_together
from fhir_service.extraction.subject import AUGMENTED
from fhir_service.extraction.told_apart import Apart

_THE_OTHER = compiled(r"(?:In\s)?[Tt]he\sother\s(?:patient|case|man|woman|lady|gentleman|one)\b")
_BOTH = 2
_MOST = 8
"""Patients that a reader can tell apart by "the man" or "the second"."""


def narrated(document: Document, *sections: Section) -> list[PatientText]:
    """The patients of some sections, in order, with the sentences of each."""
    sentences = document.of(*sections)
    groups = of_groups(sentences)
    telling = _Telling(document.text)
    for sentence in sentences:
        if id(sentence) not in groups:
            telling.take(sentence)
    patients = telling.patients or _nobody_named(telling.pending)
    if len(patients) == 1:
        patients[0].case[:0] = telling.pending
    return patients


class _Telling:
    """Who is told of, sentence by sentence."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.patients: list[PatientText] = []
        self.pending: list[Sentence] = []
        """What is told before anybody is introduced."""
        self.current: PatientText | None = None
        self.apart: Apart | None = None
        self.heading = ""
        self.shared_paragraph = -1

    def take(self, sentence: Sentence) -> None:
        number = heading_number(sentence) if sentence.heading != self.heading else None
        number = sentence_number(sentence, self.patients) if number is None else number
        self.heading = sentence.heading
        if number is not None:
            self.current = _numbered(self.patients, number)
        if not self.patients and (people := find_together(sentence.text)):
            self.apart = Apart.of(sentence.text, people)
            self.patients = _together(self.text, sentence, self.apart)
        elif number is not None or not self._by_turns(sentence):
            self._introduce(sentence, turned=number is not None)
            self._keep(sentence)

    def _introduce(self, sentence: Sentence, *, turned: bool) -> None:
        for person in _introduced(sentence, again=self.current is not None):
            if self.current is None or (not turned and somebody_else(person, self.current)):
                self.current = _known(person, self.patients) or _new(self.patients)
            self.current.people.append((sentence, person))
            self.current.initials = self.current.initials or initials_of(sentence.text, person)

    def _keep(self, sentence: Sentence) -> None:
        if self.current is None:
            self.pending.append(sentence)
        elif _for_everyone(sentence, self.patients) or sentence.paragraph == self.shared_paragraph:
            self.shared_paragraph = sentence.paragraph
        else:
            self.current.case.append(sentence)

    def _by_turns(self, sentence: Sentence) -> bool:
        """Whether the words of a sentence say which of those told of it means; then it is theirs."""
        if not 1 < len(self.patients) <= _MOST or heading_number(sentence) is not None:
            return False
        if _THE_OTHER.match(sentence.text) and len(self.patients) == _BOTH and self.current is not None:
            self.current = next(patient for patient in self.patients if patient is not self.current)
        turn = _known_apart(self.patients) or self.apart
        meant = _told_apart(turn, sentence, self.patients) if turn is not None else None
        if meant is not None:
            self.current = self.patients[meant]
        return meant is not None


def _together(text: str, sentence: Sentence, apart: Apart) -> list[PatientText]:
    """The patients of a sentence that introduces them together; of an augmentation in it each has a part."""
    own = apart.introduced(text, sentence) if AUGMENTED.search(sentence.text) else None
    shared = [sentence] if all(place is None for place, _ in apart.parts(sentence)) else []
    return [
        PatientText(place + 1, case=[own[place]] if own else [], people=[(sentence, person)], together=shared)
        for place, person in enumerate(apart.people)
    ]


def _known_apart(patients: Sequence[PatientText]) -> Apart | None:
    """What tells apart the patients introduced so far, one after the other."""
    if not all(patient.people for patient in patients):
        return None
    told = []
    for patient in patients:
        sentence, person = next(((s, p) for s, p in patient.people if p.sex), patient.people[0])
        levels = frozenset(code for s in patient.case[:1] for level in find_levels(s.text) for code in level.codes)
        told.append((sentence.text, person, levels))
    return Apart.known(told)


def _told_apart(apart: Apart, sentence: Sentence, patients: Sequence[PatientText]) -> int | None:
    """Where the words of a sentence say which of the patients it means, it is theirs; the place of the last of them."""
    if len(apart.people) != len(patients) or any(person.stated_age for person in find_people(sentence.text)):
        return None
    if of_others(sentence.text):
        return None
    parts = [(place, part) for place, part in apart.parts(sentence) if place is not None]
    if not parts or len(parts) != len(apart.parts(sentence)):
        return None
    for place, part in parts:
        patients[place].case.append(part)
    return parts[-1][0]


def _introduced(sentence: Sentence, *, again: bool) -> list[Person]:
    """The persons a sentence introduces as patients of the report; with `again`, somebody is told of already."""
    if of_others(sentence.text):
        return []
    together = collective(sentence.text)
    found = [person for person in find_people(sentence.text) if not (together and person.age is None)]
    return [person for place, person in enumerate(found) if not (person.by_the_way and (again or place))]


def _nobody_named(told: Sequence[Sentence]) -> list[PatientText]:
    """One patient where sentences tell of an augmentation and of somebody who is never introduced."""
    tells = any(tells_of_patient(s.text) for s in told) and any(AUGMENTED.search(s.text) for s in told)
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
