"""Whether a report tells of a vertebral augmentation (`mappings/lexicons/subject.toml`)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_service.extraction.document import Document
from fhir_service.extraction.lexicon import lexicon


def tells_of_augmentation(document: Document) -> bool:
    """Cement alone tells of none: it holds knees too."""
    words = lexicon("subject")
    for text in _texts(document):
        if words.has(text, "augmentation") or (words.has(text, "cement") and words.has(text, "spine")):
            return True
    return False


def _texts(document: Document) -> Iterator[str]:
    for sentence in document.sentences:
        yield sentence.text
    for table in document.tables:
        yield table.title
        yield " ".join(cell.text for cell in table.cells)
