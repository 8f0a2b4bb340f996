"""Patients in the columns of a table: the labels of its rows, and each patient's part of every row."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fhir_service.extraction.document import Cell, Document, Passage, Section, Sentence, joined
from fhir_service.extraction.levels import find_groups, find_levels
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.numbers import WORD_NUMBER
from fhir_service.extraction.patient_rows import SEXES, Row, columns_named
from fhir_service.extraction.patterns import compiled

_HEADER = compiled(r"(?:Case|Patient|Pt\.?|CASE|PATIENT)\s*(?:No\.?\s*)?(\d{1,2})\b")


@dataclass(frozen=True, eq=False)
class Column:
    """A patient in a table column: the labels of the rows and this patient's part of each."""

    number: int
    parts: tuple[tuple[str, Cell, int, int], ...]
    title: Sentence | None = None

    def part(self, pattern: str) -> tuple[Cell, int, int] | None:
        """The cell, and where in it, of the first row whose label matches."""
        return next(
            ((c, a, b) for label, c, a, b in self.parts if compiled(pattern, re.IGNORECASE).search(label)), None
        )


def columns(document: Document) -> list[Column]:
    """The patients of the first table whose header numbers them, on one line or a cell a line."""
    for table in document.tables:
        lines = table.rows
        for number, line in enumerate(lines):
            header = [int(n) for n in _HEADER.findall(_line_text(line))]
            if _counts_patients(header):
                return _columns(header, lines[number + 1 :], table.caption)
            header = _header_below(lines, number)
            if _counts_patients(header):
                return _columns(header, _regrouped(lines[number + len(header) :], len(header)), table.caption)
    return []


def _line_text(line: Sequence[Cell]) -> str:
    return " ".join(cell.text for cell in line)


def _counts_patients(header: Sequence[int]) -> bool:
    return len(header) >= 2 and sorted(header) == list(range(min(header), min(header) + len(header)))


def _header_below(lines: Sequence[Sequence[Cell]], number: int) -> list[int]:
    """The numbers of the patients where each stands on a line of its own."""
    found = []
    for line in lines[number:]:
        match = _HEADER.fullmatch(_line_text(line))
        if match is None:
            break
        found.append(int(match[1]))
    return found


def _regrouped(lines: Sequence[Sequence[Cell]], count: int) -> list[list[Cell]]:
    """Lines of one cell to rows of a label and `count` values, as long as each label is one a header can have."""
    found: list[list[Cell]] = []
    place = 0
    while place + count < len(lines):
        row = [cell for line in lines[place : place + count + 1] for cell in line]
        if len(row) == count + 1 and _is_label(row[0]) and not any(_is_label(cell) for cell in row[1:]):
            found.append(row)
            place += count
        place += 1
    return found


def _is_label(cell: Cell) -> bool:
    """Whether a cell begins like the header of a column."""
    first = lexicon("table-columns").first(cell.text)
    return first is not None and first.start == 0


def as_rows(document: Document, found: Sequence[Column]) -> list[Row]:
    """Columns of patients of whom the report tells nowhere else, each read on as one row."""
    return [row for column in found if (row := _as_row(document, column)) is not None]


def _as_row(document: Document, column: Column) -> Row | None:
    values = [Passage(c.source, c.first + a, c.first + b, c.text[a:b]) for _, c, a, b in column.parts if b > a]
    age, sex = column.part(r"^age\b"), column.part(r"^(?:sex|gender)\b")
    years = compiled(r"\d{1,3}").match(age[0].text, age[1], age[2]) if age else None
    if years is None or not values:
        return None
    sentence = joined(document.text, values, Section.TABLE)
    words = sex[0].text[sex[1] : sex[2]] if sex else ""
    return Row(
        sentence,
        column.title,
        Decimal(years[0]),
        SEXES.get(words.lower()),
        _place(sentence.text, years[0]),
        _place(sentence.text, words),
        own=True,
        columns=columns_named("; ".join(label for label, *_ in column.parts)),
    )


def _place(text: str, words: str) -> tuple[int, int]:
    start = max(text.find(words), 0)
    return start, start + len(words)


def _columns(header: list[int], lines: Sequence[Sequence[Cell]], title: Sentence | None) -> list[Column]:
    parts: list[list[tuple[str, Cell, int, int]]] = [[] for _ in header]
    for line in lines:
        if len(line) == len(header) + 1:
            for place, cell in enumerate(line[1:]):
                parts[place].append((line[0].text, cell, 0, len(cell.text)))
            continue
        for cell in line[:1]:
            for label, values in (_split_row(cell.text, len(header)),):
                for place, (start, end) in enumerate(values):
                    parts[place].append((label, cell, start, end))
    return [Column(number, tuple(part), title) for number, part in zip(header, parts, strict=True)]


_TIME = r"(?:h(?:ou)?rs?|h|d(?:ays?)?|w(?:ee)?ks?|mos?|months?|y(?:ea)?rs?)"


def _spans(pattern: str) -> Callable[[str], list[tuple[int, int]]]:
    expression = compiled(pattern, re.IGNORECASE)
    return lambda text: [match.span() for match in expression.finditer(text)]


def _causes(text: str) -> list[tuple[int, int]]:
    """What an augmented vertebra broke of."""
    treated = [hit for hit in lexicon("conditions").find(text) if hit.term["group"] in ("fracture", "lesion")]
    return sorted((hit.start, hit.end) for hit in [*lexicon("diseases").find(text), *treated])


def _symptoms(text: str) -> list[tuple[int, int]]:
    return [(hit.start, hit.end) for hit in lexicon("conditions").find(text) if hit.term["group"] == "symptom"]


_TYPES: tuple[Callable[[str], list[tuple[int, int]]], ...] = (
    _spans(r"(?<![\w.,])\d+(?:[.,]\d+)?\s?(?:c\.?c\.?|ccm|cm3|cm³|ml|millilit(?:er|re)s?)(?!\w)"),
    _spans(rf"(?<![\w.,])(?:\d+(?:[.,]\d+)?|{WORD_NUMBER})\s?{_TIME}\b|immediately"),
    lambda text: [(group.start, group.end) for group in find_groups(text)],
    lambda text: [(mention.start, mention.end) for mention in find_levels(text)],
    _causes,
    _symptoms,
    _spans(r"\b(?:female|male|F|M|woman|man)\b"),
    _spans(r"\b(?:kyphoplasty|vertebroplasty|PKP|PVP|BKP)\b"),
    _spans(
        r"\b(?:full|complete|partial|no)\s(?:relief|recovery|improvement|resolution)|\b(?:mortality|death|died|expired|recovered|improved|unchanged)(?:\s\(\w+\))?"
    ),
    _spans(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?![\w.])"),
)


def _split_row(text: str, count: int) -> tuple[str, list[tuple[int, int]]]:
    """A printed row of `count` values of one type, behind a label; ("", []) where it does not come apart so."""
    for kind in _TYPES:
        values = kind(text)
        if len(values) == count and values[0][0] > 0:
            return text[: values[0][0]].strip(), values
    return "", []
