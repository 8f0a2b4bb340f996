"""Patients in the rows of a table, as text extraction leaves them: on one line, in pieces, or a cell a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fhir_service.extraction.document import Cell, Document, Section, Sentence, Table, joined
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled

_YEARS = r"(?:[\s-]?(?:years?|yrs?|y)(?:[\s-]?old|/?o)?)?"
_SEXES = r"(?P<sex>F|M|female|male|woman|man|Female|Male|Woman|Man|FEMALE|MALE)\b"
_NUMBER = r"(?:(?:Case\s|Patient\s|Pt\.?\s|No\.?\s)?(?:\d{1,2}|[IVX]{1,4}|[A-H])[.):]?\s+)?"
_AUTHORS = (
    r"(?:(?:(?:Present|Our|Current|This|PRESENT|OUR)\s(?:own\s)?(?:case|patient|study|report|CASE|PATIENT)\s+)|"
    r"[A-Z][\w'-]+(?:\s+(?:et\s+al\.?|and\s+[A-Z]\w+|&\s[A-Z]\w+))?,?\s*"
    r"(?:\(?(?:19|20)\d\d\)?)?[,\s]*(?:\[\d+\])?\s+)?"
)
_AGE_FIRST = rf"(?P<age>\d{{1,3}}){_YEARS}\s*[/,;|-]?\s*{_SEXES}"
_SEX_FIRST = rf"{_SEXES}\s*[/,;|-]?\s*(?P<age>\d{{2,3}})\b"
_ROW = tuple(compiled(f"^{_NUMBER}{_AUTHORS}{person}") for person in (_AGE_FIRST, _SEX_FIRST))
_IN_ROW = (compiled(rf"(?<![\w(\[/.]){_AGE_FIRST}"), compiled(rf"\b{_SEX_FIRST}"))
_AGE_CELL = compiled(rf"\d{{1,3}}{_YEARS}")
_SEX_CELL = compiled(_SEXES)
_AUTHOR = compiled(r"\bet\s+al\b|^\(?(?:19|20)\d\d\)?|\[\d{1,3}\]\s*$")
_NAME = compiled(r"^[A-Z][\w'-]+(?:\s+(?:and|&)\s+[A-Z][\w'-]+)?$")
_PRESENT = compiled(r"(?:present|our|current|this)(?:\s(?:case|study|report|patient))?|case|study", re.IGNORECASE)
_LITERATURE = compiled(
    r"literature|reported|previous|review|published|series of|summary of (?:the )?cases", re.IGNORECASE
)
_OWN_ROW = compiled(r"\b(?:present|our|current|this)\s(?:case|study|report|patient)\b", re.IGNORECASE)
_LEGEND = compiled(
    r"\w\s?=\s?\w.*,.*=|^(?:Abbreviations|Notes?)\b|^\*|^[A-Z/]{1,7}[,:]\s[a-z][\w -]+;\s[A-Z/]{1,7}[,:]\s"
)
SHORT_FOR = compiled(r"(?<![\w/])(?P<short>[A-Z][A-Z/]{1,6})(?:,|\s?=|:)\s(?P<long>[a-z][\w -]+)")
SEXES = {"f": "female", "female": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}
_LONGEST = 30
"""Printed lines of one row at most."""


@dataclass(frozen=True, eq=False)
class Row:
    """A patient in a table row: its words as one sentence, the title of the table, what its columns hold (codes of
    `table-columns`, in order), and the abbreviations below it. `own`: of this report."""

    sentence: Sentence
    title: Sentence | None
    age: Decimal | None
    sex: str | None
    age_at: tuple[int, int]
    sex_at: tuple[int, int]
    own: bool
    columns: tuple[str, ...] = ()
    short_for: tuple[tuple[str, str], ...] = ()


def rows(document: Document, tables: Sequence[Table]) -> list[Row]:
    """The rows of these tables that begin with an age and a sex."""
    return [row for table in tables for row in _rows(document, table)]


def columns_named(header: str) -> tuple[str, ...]:
    """What the columns hold, in the order of their headers, each once."""
    return tuple(dict.fromkeys(hit.code for hit in lexicon("table-columns").find(header)))


def _rows(document: Document, table: Table) -> list[Row]:
    lines = table.rows
    starts = [number for number in range(len(lines)) if _starts(lines, number)]
    if not starts:
        return []
    firsts = [_with_author(lines, number) for number in starts]
    found = []
    line_each = len(starts) > 1 and starts == list(range(starts[0], starts[-1] + 1))
    columns = columns_named(" ".join(_line_text(line) for line in lines[: firsts[0]]))
    after = " ".join(_line_text(line) for line in lines[starts[-1] :])
    short_for = tuple((match["short"], match["long"]) for match in SHORT_FOR.finditer(after))
    for place, (first, number) in enumerate(zip(firsts, starts, strict=True)):
        end = firsts[place + 1] if place + 1 < len(firsts) else number + 1 if line_each else _last(lines, number)
        cells = [cell for line in lines[first:end] for cell in line]
        sentence = joined(document.text, cells, Section.TABLE)
        offset = sentence.text.find(_line_text(lines[number]).split(" ")[0], 0)
        row = _row(sentence, table, max(offset, 0), (columns, short_for))
        if row is not None:
            found.append(row)
    return found


def _row(
    sentence: Sentence, table: Table, offset: int, told: tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
) -> Row | None:
    literature = _LITERATURE.search(table.title) is not None
    for pattern in _IN_ROW:
        match = pattern.search(sentence.text, offset) or pattern.search(sentence.text)
        if match and 0 < int(match["age"]) < 115:
            own = _OWN_ROW.search(sentence.text) is not None or not (literature or "et al" in sentence.text)
            return Row(
                sentence,
                table.caption,
                Decimal(match["age"]),
                SEXES[match["sex"].lower()],
                match.span("age"),
                match.span("sex"),
                own,
                *told,
            )
    return None


def _line_text(line: Sequence[Cell]) -> str:
    return " ".join(cell.text for cell in line)


def _starts(lines: Sequence[Sequence[Cell]], number: int) -> bool:
    """Whether a line begins a patient: age and sex on it, or on it and on the next, a cell a line."""
    text = _line_text(lines[number])
    if any(pattern.match(text) for pattern in _ROW):
        return True
    if number + 1 >= len(lines):
        return False
    pair = (text, _line_text(lines[number + 1]))
    return any(
        first.fullmatch(pair[0]) is not None and second.fullmatch(pair[1]) is not None
        for first, second in ((_AGE_CELL, _SEX_CELL), (_SEX_CELL, _AGE_CELL))
    )


def _with_author(lines: Sequence[Sequence[Cell]], number: int) -> int:
    """The name and year lines just above belong to the row, and "Present case", broken or not."""
    first = number
    while first > 0 and number - first < 3 and _is_author(lines[first - 1]):
        first -= 1
    if (
        first > 0
        and compiled(r"(?:et\s+al|\(?(?:19|20)\d\d)").match(_line_text(lines[first]))
        and _NAME.match(_line_text(lines[first - 1]))
    ):
        first -= 1
    while first > 0 and number - first < 3 and _PRESENT.fullmatch(_line_text(lines[first - 1])):
        first -= 1
    return first


def _is_author(line: Sequence[Cell]) -> bool:
    """Whether a line names an author and no patient of its own."""
    text = _line_text(line)
    return _AUTHOR.search(text) is not None and not any(pattern.match(text) for pattern in _ROW)


def _last(lines: Sequence[Sequence[Cell]], number: int) -> int:
    end = number + 1
    while end < len(lines) and end - number < _LONGEST and not _LEGEND.search(_line_text(lines[end])):
        end += 1
    return end
