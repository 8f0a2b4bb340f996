"""A table of values over time as text extraction leaves it, one cell a line, back to its grid: measurements one way,
times the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from fhir_service.extraction.document import Cell, Passage, Table
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.quantities import quantities, unit_behind
from fhir_service.extraction.timeline import find_durations

_LONGEST_CELL = 60
_LEAST_VALUES = 4
_NAME_END = compiled(r"$|[\s,:;(\[/]")
_DAY = compiled(r"\b(?:POD|day|d)\s?\d{1,3}\b", re.IGNORECASE)
_NOTHING = compiled(r"(?<=\s)(?:n\.?d\.?|n/?a|nr|nt|-|–|—)(?=\s|$)", re.IGNORECASE)
"""What is printed where nothing was measured."""
_GROUPS = compiled(r"±|\b(?:mean|median|patients|groups?|p[ -]value|n\s?=|total number|cases)\b", re.IGNORECASE)
"""Words of a table about many patients."""


@dataclass(frozen=True)
class Part:
    """`cell.text[start:end]`: what one place of the grid holds."""

    cell: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.cell.text[self.start : self.end]


@dataclass(frozen=True)
class Value:
    """A place of the grid with the name of the measurement and the heading (a time, a range) it stands under."""

    name: Hit
    label: Part
    heading_cell: Passage
    value: Part

    @property
    def heading(self) -> str:
        return self.heading_cell.text


def values(table: Table) -> list[Value]:
    """The grid of a table about one patient, row by row; empty where the cells make no such grid."""
    if any(_GROUPS.search(cell.text) for cell in table.cells) or _GROUPS.search(table.title):
        return []
    found = _names_down(table.cells) or _names_across(table.cells)
    return found if len(found) >= _LEAST_VALUES else []


def name_at_start(text: str) -> Hit | None:
    """The measurement whose name the words begin with."""
    if len(text) > _LONGEST_CELL * 2:
        return None
    hit = lexicon("measurements").first(text)
    return hit if hit is not None and hit.start == 0 and _NAME_END.match(text, hit.end) else None


def is_reference(heading: str) -> bool:
    """Whether a column or row holds the normal ranges."""
    return _reference().match(heading.strip()) is not None


@cache
def _reference() -> Pattern:
    return compiled(lexicon("measurements").pattern("reference"))


def _names_down(cells: Sequence[Cell]) -> list[Value]:
    """A row a measurement: its name, then its values under the headings above."""
    rows: list[tuple[Hit, Cell, list[Part]]] = []
    above: list[Cell] = []
    for cell in cells:
        name = name_at_start(cell.text)
        if name is not None:
            rows.append((name, cell, _numbers_behind(cell, name)))
        elif rows:
            rows[-1][2].append(Part(cell, 0, len(cell.text)))
        else:
            above.append(cell)
    if not rows:
        return []
    width = Counter(len(parts) for _, _, parts in rows).most_common(1)[0][0]
    headings = _headings(above, width)
    return [
        Value(name, Part(cell, 0, len(cell.text)), heading, part)
        for number, (name, cell, parts) in enumerate(rows)
        if len(parts) == width or (number == len(rows) - 1 and len(parts) > width)
        for heading, part in zip(headings, parts, strict=False)
    ]


def _headings(above: Sequence[Cell], width: int) -> list[Cell]:
    """The last `width` cells above the rows, where all are as short as headings; or the line above, where it comes
    apart into as many times and ranges."""
    if above and width > 1 and len(parted := _parted(above[-1])) == width:
        return parted
    headings = list(above[-width:]) if width > 1 else []
    fits = len(headings) == width and all(len(heading.text) <= _LONGEST_CELL for heading in headings)
    return headings if fits else []


def _parted(cell: Cell) -> list[Cell]:
    """A line of headings printed with a blank between them ("Preop Day 7 6 months Reference")."""
    text = cell.text
    words = [(hit.start, hit.end) for hit in lexicon("timepoints").find(text)]
    words += [(found.start, found.end) for found in find_durations(text)]
    words += [match.span() for pattern in (_DAY, _reference()) for match in pattern.finditer(text)]
    starts: list[int] = []
    taken = 0
    for start, end in sorted(words):
        if start >= taken:
            starts.append(start)
        taken = max(taken, end)
    ends = [*starts[1:], len(text)] if starts else []
    return [
        Cell(
            cell.source,
            cell.first + a,
            cell.first + a + len(text[a:b].rstrip()),
            text[a:b].rstrip(),
            cell.row,
            cell.group,
        )
        for a, b in zip(starts, ends, strict=True)
    ]


def _numbers_behind(cell: Cell, name: Hit) -> list[Part]:
    """Values printed in the line of the name, behind its unit."""
    unit = unit_behind(cell.text, name.end)
    start = unit[1] if unit else name.end
    spans = [(q.start, q.end) for q in quantities(cell.text) if q.start >= start]
    if spans:
        spans += [match.span() for match in _NOTHING.finditer(cell.text, start)]
    return [Part(cell, *span) for span in sorted(spans)]


def _names_across(cells: Sequence[Cell]) -> list[Value]:
    """A row a time: its heading, then its values under the names above."""
    names: list[tuple[Hit, Cell]] = []
    first = 0
    for place, cell in enumerate(cells):
        name = name_at_start(cell.text)
        if name is None and len(names) > 1:
            first = place
            break
        names = [*names, (name, cell)] if name is not None else []
    width = len(names) + 1
    rest = cells[first:]
    if len(names) < 2 or not rest:
        return []
    rows = [rest[at : at + width] for at in range(0, len(rest) - width + 1, width)]
    return [
        Value(name, Part(label, 0, len(label.text)), row[0], Part(cell, 0, len(cell.text)))
        for row in rows
        if len(row[0].text) <= _LONGEST_CELL and quantities(row[1].text)
        for (name, label), cell in zip(names, row[1:], strict=True)
    ]
