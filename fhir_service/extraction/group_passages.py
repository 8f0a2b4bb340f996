"""Passages about a group of patients: numbers of many, of which nothing is one patient's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from fhir_service.extraction.document import Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import names_patient
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import find_people
from fhir_service.extraction.words import once

_LEAST = 10
"""So many are a group; fewer may be the levels or the grades of one patient."""
_COUNTED = compiled(r"(?<![\w.,-])(?P<n>\d{1,3}(?:[,\u202f]\d{3})+|\d{2,6})\s(?:[\w-]+\s){0,3}?$")


def of_groups(sentences: Sequence[Sentence]) -> frozenset[int]:
    """The ids of the sentences that tell of a group: a whole heading where it tells of no single patient, else the
    paragraphs that do not."""
    found: set[int] = set()
    for _, part in groupby(sentences, key=lambda sentence: sentence.heading):
        told = list(part)
        if not any(tells_of_group(sentence.text) for sentence in told):
            continue
        if not any(_of_one(sentence.text) for sentence in told):
            found.update(id(sentence) for sentence in told)
            continue
        for _, lines in groupby(told, key=lambda sentence: sentence.paragraph):
            paragraph = list(lines)
            if any(tells_of_group(s.text) for s in paragraph) and not any(_of_one(s.text) for s in paragraph):
                found.update(id(sentence) for sentence in paragraph)
    return frozenset(found)


@once
def tells_of_group(text: str) -> bool:
    """Whether it counts ten patients or more (or vertebrae, leaks, operations), or gives a mean of them."""
    for hit in lexicon("groups").find(text):
        if hit.code == "of-many":
            return True
        counted = _COUNTED.search(text, max(0, hit.start - 50), hit.start)
        if counted is not None and int("".join(filter(str.isdigit, counted["n"]))) >= _LEAST:
            return True
    return False


def _introduces(text: str) -> bool:
    return any(person.stated_age or person.sex for person in find_people(text))


def _of_one(text: str) -> bool:
    return _introduces(text) or names_patient(text)
