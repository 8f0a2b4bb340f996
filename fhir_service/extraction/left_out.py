"""What of a text is not read: a paragraph in another language, words that speak to a program, what is longer than any
report."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from fhir_service.extraction.document import Cell, Document, Sentence, Table
from fhir_service.extraction.language import foreign_language
from fhir_service.extraction.lexicon import lexicon

_Part = TypeVar("_Part", Sentence, Table, Cell)
_WORDS_OF_A_SENTENCE = 6
"""What is shorter (a label, a cell) is in no language."""
LONGEST = 300_000
"""Characters: a hundred printed pages. A patient is followed through a whole report, so a book costs more than its
length."""


def language_of(document: Document) -> str | None:
    """The language of a report that is not in English."""
    return foreign_language(sentence.text for sentence in document.sentences if _is_running(sentence))


def without_what_is_no_report(document: Document) -> tuple[Document, tuple[str, ...]]:
    """The document without such sentences, and a note on each kind. Who speaks to a program may ask it for anything:
    what follows in that paragraph is left out too."""
    kept: list[Sentence] = []
    foreign: set[str] = set()
    talked = 0
    for _, group in groupby(document.sentences, key=lambda sentence: sentence.paragraph):
        paragraph = list(group)
        language = foreign_language(sentence.text for sentence in paragraph if _is_running(sentence))
        if language:
            foreign.add(language)
            continue
        for place, sentence in enumerate(paragraph):
            if lexicon("machine-talk").matches(sentence.text):
                talked += len(paragraph) - place
                break
            kept.append(sentence)
    notes = tuple(f"A part that reads like {language} was not read." for language in sorted(foreign))
    if talked:
        many = "1 sentence" if talked == 1 else f"{talked} sentences"
        notes += (f"Words that speak to a program, and what follows them in their paragraph, were not read ({many}).",)
    return (replace(document, sentences=tuple(kept)) if notes else document), notes


def shortened(document: Document) -> tuple[Document, tuple[str, ...]]:
    """The first LONGEST characters of a document and of its tables, and a note where that is not all of it."""
    sentences = _first(document.sentences)
    tables = tuple(replace(table, cells=_first(table.cells)) for table in _first(document.tables))
    if (len(sentences), [len(table.cells) for table in tables]) == (
        len(document.sentences),
        [len(table.cells) for table in document.tables],
    ):
        return document, ()
    note = f"The text is longer than a report; of its words and tables the first {LONGEST:,} characters were read."
    return replace(document, sentences=sentences, tables=tables), (note,)


def _first(parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    """As many as have room."""
    room = LONGEST
    for place, part in enumerate(parts):
        room -= sum(len(cell.text) for cell in part.cells) if isinstance(part, Table) else len(part.text)
        if room < 0:
            return parts[:place]
    return parts


def _is_running(sentence: Sentence) -> bool:
    return sentence.text.count(" ") >= _WORDS_OF_A_SENTENCE or not sentence.text.isascii()
