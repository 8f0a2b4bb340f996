"""Sentences of a case series that speak of all its patients together."""

from __future__ import annotations

import re

from fhir_service.extraction import context
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.numbers import WORD_NUMBER, number_of
from fhir_service.extraction.patterns import compiled

_ALL = compiled(
    rf"\ball\s(?:of\s)?(?:the\s|our\s|these\s)?(?P<n>{WORD_NUMBER}|\d{{1,2}})\s(?:patients|cases)\b", re.IGNORECASE
)
_SINGLE = compiled(r"\b(?:she|he|her|his|one|another|(?:the|this|our)\s(?:\w+\s)?(?:patient|case))\b", re.IGNORECASE)


def _everyone(document: Document) -> tuple[tuple[int, Sentence], ...]:
    """(number of patients, sentence) for the denials of an abstract that speaks of all its patients together."""
    counts: dict[int, int] = {}
    found = []
    for sentence in document.of(Section.ABSTRACT):
        for match in _ALL.finditer(sentence.text):
            counts[sentence.paragraph] = int(number_of(match["n"]))
        count = counts.get(sentence.paragraph)
        if count and not _SINGLE.search(sentence.text) and context.denials(sentence):
            found.append((count, sentence))
    return tuple(found)


def about_everyone(document: Document, case_number: int) -> tuple[Sentence, ...]:
    """Denials that the abstract of a case series makes for all patients, so for this one too."""
    return tuple(sentence for count, sentence in _everyone(document) if 1 < count >= case_number)
