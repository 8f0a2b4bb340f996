"""Whether a report tells of a vertebral augmentation (`mappings/lexicons/subject.toml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_service.extraction.document import Document
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled

AUGMENTED = compiled(r"plasty\b|plasties\b|\b(?:PKP|PVP|BKP|VP|KP)\b|\bcement", re.IGNORECASE)
"""A word of augmentation in one sentence."""


def tells_of_augmentation(document: Document) -> bool:
    """Cement alone tells of none: it holds knees too."""
    words = lexicon("subject")
    told: set[str] = set()
    for text in _texts(document):
        found = {hit.code for hit in words.find_all(text)}
        if "augmentation" in found or found >= {"cement", "spine"}:
            return True
        told |= found
    of_spine = not told.isdisjoint({"spine", "fracture"})
    return of_spine and ("short-name" in told or told >= {"shortest-name", "cement"})


def _texts(document: Document) -> Iterator[str]:
    for sentence in document.sentences:
        yield sentence.text
    for table in document.tables:
        yield table.title
        yield " ".join(cell.text for cell in table.cells)
