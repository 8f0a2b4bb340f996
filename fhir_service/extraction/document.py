"""The document model: a report's text as sections, sentences, captions and tables, each tied to its raw offsets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TypeVar

import msgspec

from fhir_service.extraction.layout import Block, Section, read_blocks
from fhir_service.extraction.normalising import Normalised, normalise
from fhir_service.extraction.sentences import sentence_bounds
from fhir_service.extraction.words import Words
from fhir_service.reports.span import SourceSpan

T = TypeVar("T")

_CELL_BREAK = re.compile(r"\t+|(?:(?<!\s)\s++)?(?:\||</?[Tt][DdHh]\b[^<>]*>)\s*| {3,}")

__all__ = ["Cell", "Document", "Passage", "Section", "Sentence", "Table"]


class Passage(msgspec.Struct, frozen=True, eq=False, dict=True):
    """A stretch of normalised text and where it stands in the stored text (`start` to `end`, raw offsets)."""

    source: Normalised
    first: int
    last: int
    text: str

    @cached_property
    def start(self) -> int:
        return self.source.raw_start(self.first)

    @cached_property
    def end(self) -> int:
        return self.source.raw_end(self.last)

    def span(self, start: int, end: int) -> SourceSpan:
        """The stored words of `text[start:end]`. Raises ValueError where that is empty."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"no words at {start} to {end} of {len(self.text)} characters")
        return SourceSpan.between(self.source.raw_start(self.first + start), self.source.raw_end(self.first + end))


class Sentence(Passage, frozen=True, eq=False, dict=True):
    """One sentence. `heading` is the nearest heading above it as printed, `paragraph` counts paragraphs of the report,
    `in_abstract` is true for every part of an abstract, labelled or not."""

    section: Section
    index: int
    paragraph: int
    heading: str = ""
    in_abstract: bool = False


def read_once(read: Callable[[Sentence], T]) -> Callable[[Sentence], T]:
    """Read a sentence once, however often it is asked. The result must not be changed."""
    name = f"{read.__module__}.{read.__qualname__}"

    @wraps(read)
    def reading(sentence: Sentence) -> T:
        known = vars(sentence)
        try:
            result: T = known[name]
        except KeyError:
            result = known[name] = read(sentence)
        return result

    return reading


class Cell(Passage, frozen=True, eq=False, dict=True):
    """One printed line of a table, or a tab- or bar-separated part of one. `row` is the line, `group` counts the
    stretches between blank lines."""

    row: int
    group: int


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it was left by text extraction: its title and its cells in reading order."""

    title: str
    cells: tuple[Cell, ...]
    caption: Sentence | None = None

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells by printed line."""
        lines: dict[int, list[Cell]] = {}
        for cell in self.cells:
            lines.setdefault(cell.row, []).append(cell)
        return tuple(tuple(cells) for cells in lines.values())


@dataclass(frozen=True, eq=False)
class Document:
    """A report's text, read. `text` is the stored text; everything else points into it."""

    text: str
    sentences: tuple[Sentence, ...]
    tables: tuple[Table, ...] = ()

    @classmethod
    def read(cls, text: str) -> Document:
        """Read a text in time linear in its length."""
        sentences: list[Sentence] = []
        tables: list[Table] = []
        for paragraph, block in enumerate(read_blocks(text)):
            if block.section is Section.TABLE:
                tables.append(_table(text, block))
            else:
                sentences.extend(_sentences(text, block, paragraph, len(sentences)))
        return cls(text, tuple(sentences), tuple(tables))

    def of(self, *sections: Section) -> tuple[Sentence, ...]:
        """The sentences of these sections, in reading order."""
        return tuple(sentence for sentence in self.sentences if sentence.section in sections)


def _sentences(text: str, block: Block, paragraph: int, count: int) -> list[Sentence]:
    source = normalise(text, block.intervals, markup=block.markup)
    return [
        Sentence(
            source=source,
            first=first,
            last=last,
            text=Words(source.text[first:last]),
            section=block.section,
            index=count + number,
            paragraph=paragraph,
            heading=block.heading,
            in_abstract=block.in_abstract,
        )
        for number, (first, last) in enumerate(sentence_bounds(source.text))
    ]


def _table(text: str, block: Block) -> Table:
    cells: list[Cell] = []
    for row, (group, interval) in enumerate(zip(block.groups, block.intervals, strict=True)):
        for part in _split_line(text, interval):
            source = normalise(text, (part,), markup=block.markup)
            if source.text:
                cells.append(
                    Cell(source=source, first=0, last=len(source.text), text=source.text, row=row, group=group)
                )
    caption = None
    if block.caption is not None:
        source = normalise(text, (block.caption,), markup=block.markup)
        caption = _whole(source, Section.TABLE)
    return Table(block.title, tuple(cells), caption)


def joined(text: str, cells: Sequence[Passage], section: Section) -> Sentence:
    """Cells read on as one sentence."""
    return _whole(normalise(text, tuple((cell.start, cell.end) for cell in cells)), section)


def _whole(source: Normalised, section: Section) -> Sentence:
    return Sentence(
        source=source, first=0, last=len(source.text), text=Words(source.text), section=section, index=-1, paragraph=-1
    )


def _split_line(text: str, interval: tuple[int, int]) -> Sequence[tuple[int, int]]:
    """Cells that the print keeps apart by a tab, a bar, or a run of three and more blanks."""
    start, end = interval
    line = text[start:end]
    parts: list[tuple[int, int]] = []
    position = 0
    for match in _CELL_BREAK.finditer(line):
        parts.append((start + position, start + match.start()))
        position = match.end()
    parts.append((start + position, end))
    return [(a, b) for a, b in parts if text[a:b].strip()]
