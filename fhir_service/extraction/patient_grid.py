"""Patients of the report's own table, whichever way it lies: each with the labelled values it gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fhir_service.extraction.document import Cell, Document, Passage, Section, Sentence, Table, joined
from fhir_service.extraction.grid_lines import (
    GridRow,
    content_code,
    grid_rows,
    is_whole_label,
    label_code,
    label_codes,
    with_blanks,
)
from fhir_service.extraction.patient_rows import SHORT_FOR
from fhir_service.extraction.patterns import compiled

_CALLED = r"(?:Cases?|Patients?|Pts?\.?|P|C|No\.?|Nr\.?|#)"
_EACH = compiled(rf"(?<!\w){_CALLED}\s*(?:[Nn]o\.?\s*|#)?(?P<n>\d{{1,2}}|[A-H])(?!\w)")
_ONCE = compiled(
    rf"^{_CALLED}(?:\s?(?:[Nn]o|[Nn]umber|[Nn]r|ID)\.?)?\s*[:|]?\s+(?P<row>(?:(?:\d{{1,2}}|[A-H])\s+)+(?:\d{{1,2}}|[A-H]))$"
)
_NUMBER = compiled(
    rf"(?:{_CALLED}\s*)?(?:#\s?)?(?:(?P<n>\d{{1,2}}|[A-H])|(?P<initials>(?:(?:Mrs?|Ms)\.?\s)?[A-Z](?:\.?\s?-?[A-Z])?\.?))[.):]?"
)
_AGE = compiled(r"(?<![\d.])(?P<n>\d{2,3})(?![\d.])")
_DITTO = compiled(r"(?:[\"″〃”“]|''|do\.?|ditto|idem|as\sabove)", re.IGNORECASE)
_OF_OTHERS = compiled(r"literature|reported|previous|review|published|\bet\sal\b", re.IGNORECASE)
_AUTHOR = compiled(r"\bauthors?\b|\bet\sal\b|\breference|\bstudy\b|\byear\sof\b", re.IGNORECASE)
_OWN = compiled(r"\b(?:present|our|current|this)\b", re.IGNORECASE)
_FIRST_LABEL = compiled(
    r"(?:(?:Case|Patient|Pt)s?(?:\s?(?:[Nn]o|[Nn]r|[Nn]umber|ID|[Ii]nitials)\.?)?|No\.?|Nr\.?|#|ID|Initials|"
    r"Authors?\b.*|Reference|Study|Source|First author.*)",
    re.IGNORECASE,
)
_LONGEST_HEAD = 6
"""Lines at the top of a table that may name its columns."""
_LONGEST_LABEL = 45
_FEWEST = 4
"""Labels that a row of headers has at least."""


@dataclass(frozen=True, eq=False)
class GridPatient:
    """A patient of the table: `values` by the code of their label, with label and value as one sentence and the value
    alone."""

    number: int
    values: tuple[tuple[str, Sentence, Sentence], ...]
    title: Sentence | None
    own: bool = True
    """Of this report, not of another author's."""
    short_for: tuple[tuple[str, str], ...] = ()
    """The abbreviations explained below the table."""

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
        if _is_of_others(table):
            continue
        found = list(_patients(document.text, table))
        if len(found) > 1 and all(_told(patient) for patient in found):
            return found
    return []


def grid_patients_of_others(document: Document, table: Table) -> list[GridPatient]:
    """The patients of a table of published cases, each with the values of its columns; none where it comes apart into
    no columns. One of this report among them is `own`."""
    if not _is_of_others(table):
        return []
    found = list(_patients(document.text, table, of_others=True))
    return found if len(found) > 1 and all(_told(patient) for patient in found) else []


def _is_of_others(table: Table) -> bool:
    head = [cell.text for line in table.rows[:_LONGEST_HEAD] for cell in line]
    return _OF_OTHERS.search(table.title) is not None or any(_AUTHOR.search(text) for text in head)


def _told(patient: GridPatient) -> bool:
    return patient.age is not None and bool(patient.of("level") or patient.of("fracture") or patient.of("procedure"))


def _patients(text: str, table: Table, *, of_others: bool = False) -> Iterator[GridPatient]:
    lines = table.rows
    for place, line in enumerate(lines):
        numbers = [] if of_others else _header(line)
        if numbers:
            yield from _in_columns(text, numbers, grid_rows(lines[place + 1 :], len(numbers), text), table)
            return
        labels = _labels(line, text, of_others=of_others)
        if labels:
            yield from _in_rows(text, labels, lines[place + 1 :], table, of_others=of_others)
            return
        down = _labels_down(lines[place:], of_others=of_others)
        if down:
            yield from _in_rows(text, down, _chunks(lines[place + len(down) :], len(down)), table, of_others=of_others)
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


def _labels(line: Sequence[Cell], text: str, *, of_others: bool) -> list[Cell | None]:
    """The headers of the columns, where the rows are patients: the cells of a line, most of them labels."""
    cells = with_blanks(line, text)
    codes = [found[0] for cell in cells if cell is not None and (found := label_code(cell.text))]
    if len(codes) < _FEWEST or "age" not in codes:
        return []
    if not of_others and any(cell and _AUTHOR.search(cell.text) for cell in cells):
        return []
    return cells if all(cell is None or not _AGE.search(cell.text) for cell in cells) else []


def _labels_down(lines: Sequence[Sequence[Cell]], *, of_others: bool) -> list[Cell | None]:
    """Such headers a line each: who it is first, then labels, as far as they go."""
    found: list[Cell | None] = []
    codes: list[str] = []
    for line in lines:
        text = line[0].text if len(line) == 1 else ""
        known = label_code(text)
        if not found and _FIRST_LABEL.fullmatch(text) and (of_others or not _AUTHOR.search(text)):
            found.append(line[0])
        elif found and known is not None and not _AGE.search(text) and len(text) <= _LONGEST_LABEL:
            found.append(line[0])
            codes.append(known[0])
        else:
            break
    return found if len(codes) >= _FEWEST and "age" in codes else []


def _chunks(lines: Sequence[Sequence[Cell]], width: int) -> Iterator[list[Cell]]:
    """Lines of one cell taken together, as many as there are labels."""
    for place in range(0, len(lines) - width + 1, width):
        chunk = lines[place : place + width]
        if any(len(line) != 1 for line in chunk):
            return
        yield [line[0] for line in chunk]


def _in_rows(
    text: str, labels: Sequence[Cell | None], lines: Iterable[Sequence[Cell]], table: Table, *, of_others: bool
) -> Iterator[GridPatient]:
    above: list[Cell | None] = []
    number = 0
    legend = _legend(table)
    for line in lines:
        cells = with_blanks(line, text)
        match = _NUMBER.fullmatch(cells[0].text) if cells and cells[0] is not None else None
        if (match is None and not of_others) or not cells or cells[0] is None or len(cells) > len(labels):
            continue
        cells = [_meant(cell, above[at] if at < len(above) else None) for at, cell in enumerate(cells)]
        above = cells
        values = [
            (code, label, cell)
            for label, cell in zip(labels, cells, strict=False)
            if label is not None and cell is not None
            for code in label_codes(label.text)
        ]
        own = not of_others or (line[0].text and _OWN.search(line[0].text) is not None)
        number = _number(match["n"]) if match is not None and match["n"] else number + 1
        told = _by_content(values[1:] if values[:1] and values[0][0] == "unlabelled" else values)
        patient = _patient(text, number, told, table, own=bool(own), short_for=legend)
        if not of_others or _told(patient):
            yield patient


def _by_content(values: Sequence[tuple[str, Passage, Passage]]) -> list[tuple[str, Passage, Passage]]:
    """Values under headings we do not know are what they look like, where no heading names that."""
    named = {code for code, _, _ in values}
    found = []
    for code, label, cell in values:
        like = content_code(cell.text) if code == "unlabelled" else code
        found.append((code if like in named and code == "unlabelled" else like, label, cell))
    return found


def _legend(table: Table) -> tuple[tuple[str, str], ...]:
    last = " ".join(cell.text for line in table.rows[-_LONGEST_HEAD:] for cell in line)
    return tuple((match["short"], match["long"]) for match in SHORT_FOR.finditer(last))


def _meant(cell: Cell | None, above: Cell | None) -> Cell | None:
    """A ditto mark means what stands above it."""
    return above if cell is not None and _DITTO.fullmatch(cell.text) else cell


def _patient(
    text: str,
    number: int,
    values: Sequence[tuple[str, Passage, Passage]],
    table: Table,
    *,
    own: bool = True,
    short_for: tuple[tuple[str, str], ...] = (),
) -> GridPatient:
    told = [
        (code, joined(text, (label, value), Section.TABLE), joined(text, (value,), Section.TABLE))
        for code, label, value in values
    ]
    return GridPatient(number, tuple(told), table.caption, own, short_for)


__all__ = ["GridPatient", "grid_patients", "is_whole_label"]
