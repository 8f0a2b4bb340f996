"""Patients in tables, as text extraction leaves them: a row a patient, or a column a patient."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fhir_service.extraction.document import Cell, Document, Section, Sentence, Table, joined
from fhir_service.extraction.levels import find_groups, find_levels
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import compiled

_ROW = compiled(
    r"^(?:(?:Case\s|Patient\s|No\.?\s)?\d{1,2}\.?\s+)?(?:[A-Z][\w'-]+(?:\s+(?:et\s+al\.?|and\s+[A-Z]\w+))?,?\s*(?:\(?(?:19|20)\d\d\)?)?\s*(?:\[\d+\])?\s+)?"
    r"(?P<age>\d{1,3})\s*(?:years?|yrs?|y)?\s*[/,]?\s+?(?P<sex>F|M|female|male|woman|man|Female|Male)\b"
)
_ROW_SEX_FIRST = compiled(
    r"^(?:(?:Case\s|Patient\s|No\.?\s)?\d{1,2}\.?\s+)?(?P<sex>F|M|female|male|Female|Male)\s*[/,]?\s*(?P<age>\d{2,3})\b"
)
_AUTHOR = compiled(r"\bet\s+al\b|^\(?(?:19|20)\d\d\)?|\[\d{1,3}\]\s*$")
_NAME = compiled(r"^[A-Z][\w'-]+(?:\s+(?:and|&)\s+[A-Z][\w'-]+)?$")
_LITERATURE = compiled(
    r"literature|reported|previous|review|published|series of|summary of (?:the )?cases", re.IGNORECASE
)
_OWN_ROW = compiled(r"\b(?:present|our|current|this)\s(?:case|study|report|patient)\b", re.IGNORECASE)
_LEGEND = compiled(r"\w\s?=\s?\w.*,.*=|^(?:Abbreviations|Note)\b|^\*")
_HEADER = compiled(r"(?:Case|Patient|Pt\.?|CASE|PATIENT)\s*(?:No\.?\s*)?(\d{1,2})\b")
_SEX = {"f": "female", "female": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}


@dataclass(frozen=True, eq=False)
class Row:
    """A patient in a table row: its words as one sentence, and the title of the table. `own`: of this report."""

    sentence: Sentence
    title: Sentence | None
    age: Decimal | None
    sex: str | None
    age_at: tuple[int, int]
    sex_at: tuple[int, int]
    own: bool


@dataclass(frozen=True, eq=False)
class Column:
    """A patient in a table column: the labels of the rows and this patient's part of each."""

    number: int
    parts: tuple[tuple[str, Cell, int, int], ...]

    def part(self, pattern: str) -> tuple[Cell, int, int] | None:
        """The cell, and where in it, of the first row whose label matches."""
        return next(
            ((c, a, b) for label, c, a, b in self.parts if compiled(pattern, re.IGNORECASE).search(label)), None
        )


def rows(document: Document) -> list[Row]:
    """The rows of every table that begin with an age and a sex."""
    return [row for table in document.tables for row in _rows(document, table)]


def _rows(document: Document, table: Table) -> list[Row]:
    lines = table.rows
    starts = [number for number, line in enumerate(lines) if _row_match(_line_text(line))]
    if not starts:
        return []
    firsts = [_with_author(lines, number) for number in starts]
    found = []
    literature = _LITERATURE.search(table.title) is not None
    for place, (first, number) in enumerate(zip(firsts, starts, strict=True)):
        end = firsts[place + 1] if place + 1 < len(firsts) else _last(lines, number)
        cells = [cell for line in lines[first:end] for cell in line]
        sentence = joined(document.text, cells, Section.TABLE)
        offset = sentence.text.find(_line_text(lines[number]).split(" ")[0], 0)
        row = _row(sentence, table, max(offset, 0), literature)
        if row is not None:
            found.append(row)
    return found


def _row(sentence: Sentence, table: Table, offset: int, literature: bool) -> Row | None:
    for pattern in (_IN_ROW, _IN_ROW_SEX_FIRST):
        match = pattern.search(sentence.text, offset) or pattern.search(sentence.text)
        if match and 0 < int(match["age"]) < 115:
            own = _OWN_ROW.search(sentence.text) is not None or not (literature or "et al" in sentence.text)
            return Row(
                sentence,
                table.caption,
                Decimal(match["age"]),
                _SEX[match["sex"].lower()],
                match.span("age"),
                match.span("sex"),
                own,
            )
    return None


_IN_ROW = compiled(
    r"(?<![\w(\[/.])(?P<age>\d{1,3})\s*(?:years?|yrs?|y)?\s*[/,]?\s*(?P<sex>F|M|female|male|woman|man|Female|Male)\b"
)
_IN_ROW_SEX_FIRST = compiled(r"\b(?P<sex>F|M|female|male|Female|Male)\s*[/,]?\s*(?P<age>\d{2,3})\b")


def _line_text(line: Sequence[Cell]) -> str:
    return " ".join(cell.text for cell in line)


def _row_match(text: str) -> bool:
    return bool(_ROW.match(text) or _ROW_SEX_FIRST.match(text))


def _with_author(lines: Sequence[Sequence[Cell]], number: int) -> int:
    """The name and year lines just above belong to the row."""
    first = number
    while first > 0 and number - first < 3 and _AUTHOR.search(_line_text(lines[first - 1])):
        first -= 1
    if (
        first > 0
        and compiled(r"(?:et\s+al|\(?(?:19|20)\d\d)").match(_line_text(lines[first]))
        and _NAME.match(_line_text(lines[first - 1]))
    ):
        first -= 1
    return first


def _last(lines: Sequence[Sequence[Cell]], number: int) -> int:
    end = number + 1
    while end < len(lines) and end - number < 30 and not _LEGEND.search(_line_text(lines[end])):
        end += 1
    return end


def columns(document: Document) -> list[Column]:
    """The patients of the first table whose header numbers them."""
    for table in document.tables:
        lines = table.rows
        for number, line in enumerate(lines):
            header = [int(n) for n in _HEADER.findall(_line_text(line))]
            if len(header) >= 2 and header == list(range(header[0], header[0] + len(header))):
                return _columns(header, lines[number + 1 :])
    return []


def _columns(header: list[int], lines: Sequence[Sequence[Cell]]) -> list[Column]:
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
    return [Column(number, tuple(part)) for number, part in zip(header, parts, strict=True)]


def _spans(pattern: str) -> Callable[[str], list[tuple[int, int]]]:
    expression = compiled(pattern, re.IGNORECASE)
    return lambda text: [match.span() for match in expression.finditer(text)]


def _causes(text: str) -> list[tuple[int, int]]:
    """What an augmented vertebra broke of."""
    found = [*lexicon("diseases").find(text), *(hit for hit in lexicon("conditions").find(text) if _treated(hit))]
    return sorted((hit.start, hit.end) for hit in found)


def _treated(hit: Hit) -> bool:
    return hit.term["group"] in ("fracture", "lesion")


def _symptoms(text: str) -> list[tuple[int, int]]:
    return [(hit.start, hit.end) for hit in lexicon("conditions").find(text) if hit.term["group"] == "symptom"]


_TYPES: tuple[Callable[[str], list[tuple[int, int]]], ...] = (
    _spans(r"(?<![\w.])\d+(?:\.\d+)?\s?(?:c\.?c\.?|ml|mL)(?!\w)"),
    _spans(r"(?<![\w.])\d+(?:\.\d+)?\s?(?:hours?|days?|weeks?|months?|years?)\b|immediately"),
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
