"""Words at places on a page to its lines in reading order: columns one after the other, what spans them in between.

Places are in points from the top left corner. What is printed far apart on one line of no column comes with three
blanks between, as the cells of a table do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

CELL_GAP = "   "
_COLUMN_GAP = 1.0
"""Of the height of the letters: two words that are further apart are not of one run of text."""
_NARROWEST_COLUMN = 0.2
"""Of the width of the page: what is narrower is a column of a table."""
_MOST_COLUMNS = 4
_LEAST_ROWS = 3
_PARAGRAPH_GAP = 1.4
"""Of the usual distance of two lines."""
_OTHER_SIZE = 1.12
_MARGIN = 0.09
"""Of the height of the page: where running heads and page numbers stand."""
_PAGE_NUMBER = re.compile(r"(?:page\s*)?\d{1,5}(?:\s*(?:of|/|\|)\s*\d{1,5})?|[-–]\s*\d{1,5}\s*[-–]", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


class Word(NamedTuple):
    """A word, or a run of words, and its box."""

    text: str
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Page:
    """The words of a page, in any order."""

    width: float
    height: float
    words: Sequence[Word]


class Row(NamedTuple):
    """A printed line. `apart` says that something ends before it: a blank line goes there."""

    text: str
    top: float
    bottom: float
    apart: bool


def text_of_pages(pages: Iterable[Page]) -> str:
    """The text of a document, without running heads and page numbers. A page goes on where the one before ended."""
    read = [(page, rows_of(page)) for page in pages]
    repeated = _running_heads(read)
    lines: list[str] = []
    for page, rows in read:
        for row in rows:
            if _in_margin(row, page) and (_PAGE_NUMBER.fullmatch(row.text) or _key(row) in repeated):
                continue
            if row.apart and lines:
                lines.append("")
            lines.append(row.text)
    return "".join(f"{line}\n" for line in lines)


def rows_of(page: Page) -> list[Row]:
    """The lines of one page in reading order."""
    return list(_read(_runs(page.words), page.width, _MOST_COLUMNS))


def _runs(words: Iterable[Word]) -> list[Word]:
    """Words that stand beside each other on a line, as one."""
    runs: list[Word] = []
    for row in _by_row(words):
        run = row[0]
        for word in row[1:]:
            if word.left - run.right <= _COLUMN_GAP * max(run.height, word.height):
                run = _joined(run, word, " ")
            else:
                runs.append(run)
                run = word
        runs.append(run)
    return runs


def _by_row(words: Iterable[Word]) -> list[list[Word]]:
    """Words whose heights overlap are on one line, from left to right; a superscript is on the line it belongs to."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda one: one.middle):
        row = rows[-1] if rows else None
        if row is not None and _on_line(word, row):
            row.append(word)
        else:
            rows.append([word])
    return [sorted(row, key=lambda one: one.left) for row in rows]


def _on_line(word: Word, row: Sequence[Word]) -> bool:
    tallest = max(row[-3:], key=lambda one: one.height)
    shared = min(word.bottom, tallest.bottom) - max(word.top, tallest.top)
    return shared > 0.5 * min(word.height, tallest.height)


def _joined(first: Word, second: Word, between: str) -> Word:
    return Word(
        f"{first.text}{between}{second.text}",
        first.left,
        max(first.right, second.right),
        min(first.top, second.top),
        max(first.bottom, second.bottom),
    )


def _read(runs: list[Word], width: float, columns: int) -> Iterator[Row]:
    """The lines of a part of the page: its columns between what spans them, or line after line where it has none."""
    gutter = _gutter(runs, width) if columns > 1 else None
    if gutter is None:
        yield from _lines(runs)
        return
    left: list[Word] = []
    right: list[Word] = []
    for run in sorted(runs, key=lambda one: one.middle):
        if run.right <= gutter:
            left.append(run)
        elif run.left >= gutter:
            right.append(run)
        else:
            yield from _beside(left, right, width, columns)
            left, right = [], []
            yield Row(run.text, run.top, run.bottom, True)
    yield from _beside(left, right, width, columns)


def _beside(left: list[Word], right: list[Word], width: float, columns: int) -> Iterator[Row]:
    """A text goes on from the foot of one column to the head of the next."""
    first = True
    for part in (left, right):
        for number, row in enumerate(_read(part, width, columns - 1)):
            yield row._replace(apart=first if number == 0 else row.apart)
            first = False


def _gutter(runs: list[Word], width: float) -> float | None:
    """Where a white strip parts the running text of most lines; cells of a table are too narrow to be columns."""
    gaps = [
        (first.right, second.left)
        for row in _by_row(runs)
        for first, second in pairwise(row)
        if min(first.right - first.left, second.right - second.left) >= _NARROWEST_COLUMN * width
    ]
    if len(gaps) < _LEAST_ROWS:
        return None
    edges = sorted(
        [(left, 1) for left, _ in gaps] + [(right, -1) for _, right in gaps], key=lambda edge: (edge[0], -edge[1])
    )
    open_gaps, most, place = 0, 0, 0.0
    for (edge, change), (following, _) in pairwise(edges):
        open_gaps += change
        if open_gaps > most:
            most, place = open_gaps, (edge + following) / 2
    crossing = sum(run.left < place < run.right for run in runs)
    return place if most >= max(_LEAST_ROWS, crossing / 2) else None


def _lines(runs: list[Word]) -> Iterator[Row]:
    rows = _by_row(runs)
    steps = [below[0].middle - above[0].middle for above, below in pairwise(rows)]
    usual = median(steps) if steps else 0.0
    before: Word | None = None
    for row in rows:
        line = row[0]
        for run in row[1:]:
            line = _joined(line, run, CELL_GAP)
        size = max(run.height for run in row)
        apart = before is not None and (
            line.middle - before.middle > _PARAGRAPH_GAP * usual
            or not 1 / _OTHER_SIZE < size / (before.height or 1) < _OTHER_SIZE
        )
        yield Row(line.text, line.top, line.bottom, apart)
        before = line._replace(top=line.middle - size / 2, bottom=line.middle + size / 2)


def _in_margin(row: Row, page: Page) -> bool:
    return row.bottom < _MARGIN * page.height or row.top > (1 - _MARGIN) * page.height


def _key(row: Row) -> str:
    return _DIGITS.sub("#", row.text)


def _running_heads(read: Sequence[tuple[Page, list[Row]]]) -> set[str]:
    """What stands in the margin of more than one page, its numbers aside."""
    seen: set[str] = set()
    repeated: set[str] = set()
    for page, rows in read:
        keys = {_key(row) for row in rows if _in_margin(row, page)}
        repeated |= keys & seen
        seen |= keys
    return repeated
