"""Patients of the report's own table, whichever way it lies: each with the labelled values it gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhir_service.extraction.document import Cell, Document, Passage, Section, Sentence, Table, joined
from fhir_service.extraction.grid_lines import GridRow, grid_rows, is_whole_label, label_code, with_blanks
from fhir_service.extraction.patterns import compiled

_CALLED = r"(?:Cases?|Patients?|Pts?\.?|P|C|No\.?|Nr\.?|#)"
_EACH = compiled(rf"(?<!\w){_CALLED}\s*(?:[Nn]o\.?\s*|#)?(?P<n>\d{{1,2}}|[A-H])(?!\w)")
_ONCE = compiled(
    rf"^{_CALLED}(?:\s?(?:[Nn]o|[Nn]umber|[Nn]r|ID)\.?)?\s*[:|]?\s+(?P<row>(?:(?:\d{{1,2}}|[A-H])\s+)+(?:\d{{1,2}}|[A-H]))$"
)
_NUMBER = compiled(rf"(?:{_CALLED}\s*)?(?:#\s?)?(?P<n>\d{{1,2}}|[A-H])[.):]?", re.IGNORECASE)
_AGE = compiled(r"(?<![\d.])(?P<n>\d{2,3})(?![\d.])")
_DITTO = compiled(r"(?:[\"″〃”“]|''|do\.?|ditto|idem|as\sabove)", re.IGNORECASE)
_OF_OTHERS = compiled(r"literature|reported|previous|review|published|\bet\sal\b", re.IGNORECASE)
_AUTHOR = compiled(r"\bauthors?\b|\bet\sal\b|\breference|\bstudy\b|\byear\sof\b", re.IGNORECASE)
_FEWEST = 4
"""Labels that a row of headers has at least."""


@dataclass(frozen=True, eq=False)
class GridPatient:
    """A patient of the table: `values` by the code of their label, with label and value as one sentence and the value
    alone."""

    number: int
    values: tuple[tuple[str, Sentence, Sentence], ...]
    title: Sentence | None

    def of(self, code: str) -> list[tuple[Sentence, Sentence]]:
        """(label and value, value) of every row with that code."""
        return [(both, value) for each, both, value in self.values if each == code]

    @property
    def age(self) -> tuple[Sentence, tuple[int, int]] | None:
        for _, value in self.of("age"):
            match = _AGE.search(value.text)
            if match is not None and int(match["n"]) < 115:
                return value, match.span("n")
        return None


def grid_patients(document: Document) -> list[GridPatient]:
    """The patients of the first of the report's own tables that gives each an age, and a level or an operation."""
    for table in document.tables:
        if _OF_OTHERS.search(table.title):
            continue
        found = list(_patients(document.text, table))
        if len(found) > 1 and all(_told(patient) for patient in found):
            return found
    return []


def _told(patient: GridPatient) -> bool:
    return patient.age is not None and bool(patient.of("level") or patient.of("fracture") or patient.of("procedure"))


def _patients(text: str, table: Table) -> Iterator[GridPatient]:
    lines = table.rows
    for place, line in enumerate(lines):
        numbers = _header(line)
        if numbers:
            yield from _in_columns(text, numbers, grid_rows(lines[place + 1 :], len(numbers), text), table)
            return
        labels = _labels(line, text)
        if labels:
            yield from _in_rows(text, labels, lines[place + 1 :], table)
            return


def _header(line: Sequence[Cell]) -> list[int]:
    words = " ".join(cell.text for cell in line)
    names = [match["n"] for match in _EACH.finditer(words)]
    once = _ONCE.match(words)
    if len(names) < 2 and once is not None:
        names = once["row"].split()
    numbers = [_number(name) for name in names]
    return numbers if len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1)) else []


def _number(name: str) -> int:
    return int(name) if name.isdigit() else ord(name.upper()) - ord("A") + 1


def _in_columns(text: str, numbers: Sequence[int], rows: Sequence[GridRow], table: Table) -> Iterator[GridPatient]:
    for place, number in enumerate(numbers):
        values = [(row.code, row.label, value) for row in rows if (value := row.values[place]) is not None]
        yield _patient(text, number, values, table)


def _labels(line: Sequence[Cell], text: str) -> list[Cell | None]:
    """The headers of the columns, where the rows are patients: the cells of a line, most of them labels."""
    cells = with_blanks(line, text)
    codes = [found[0] for cell in cells if cell is not None and (found := label_code(cell.text))]
    if len(codes) < _FEWEST or "age" not in codes or any(cell and _AUTHOR.search(cell.text) for cell in cells):
        return []
    return cells if all(cell is None or not _AGE.search(cell.text) for cell in cells) else []


def _in_rows(
    text: str, labels: Sequence[Cell | None], lines: Sequence[Sequence[Cell]], table: Table
) -> Iterator[GridPatient]:
    above: list[Cell | None] = []
    for line in lines:
        cells = with_blanks(line, text)
        match = _NUMBER.fullmatch(cells[0].text) if cells and cells[0] is not None else None
        if match is None or len(cells) > len(labels):
            continue
        cells = [_meant(cell, above[at] if at < len(above) else None) for at, cell in enumerate(cells)]
        above = cells
        values = [
            (found[0], label, cell)
            for label, cell in zip(labels, cells, strict=False)
            if label is not None and cell is not None and (found := label_code(label.text))
        ]
        yield _patient(text, _number(match["n"]), values, table)


def _meant(cell: Cell | None, above: Cell | None) -> Cell | None:
    """A ditto mark means what stands above it."""
    return above if cell is not None and _DITTO.fullmatch(cell.text) else cell


def _patient(text: str, number: int, values: Sequence[tuple[str, Passage, Passage]], table: Table) -> GridPatient:
    told = [
        (code, joined(text, (label, value), Section.TABLE), joined(text, (value,), Section.TABLE))
        for code, label, value in values
    ]
    return GridPatient(number, tuple(told), table.caption)


__all__ = ["GridPatient", "grid_patients", "is_whole_label"]
