"""Two columns that a text extraction left side by side, by character position, back to one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Bounds = tuple[int, int]
"""Raw offsets of a printed line, or of its part in one column."""

_GAP = re.compile(r"(?<=\S) {3,}(?=\S)")
_FEWEST_LINES = 4
_NARROWEST = 18
"""Characters of a column at least."""
_WANDER = 8
"""Places by which a column's beginning moves from line to line, where ligatures were taken apart."""
_WORDS = re.compile(r"[^\W\d_]{2,}")


def in_reading_order(text: str, lines: Sequence[Bounds]) -> Iterator[tuple[Bounds, bool]]:
    """The lines, those of a left column before those of its right one; true for the first line of a column."""
    place = 0
    while place < len(lines):
        split = _split(text, lines[place])
        end = _run(text, lines, place, split) if split else place
        if end - place < _FEWEST_LINES:
            yield lines[place], False
            place += 1
            continue
        left, right = _columns(text, lines[place:end], split[1] - lines[place][0] if split else 0)
        if not (_is_prose(text, left) and _is_prose(text, right)):
            yield from ((line, False) for line in lines[place:end])
        else:
            yield from ((line, False) for line in left)
            yield from ((line, number == 0) for number, line in enumerate(right))
        place = end


def _split(text: str, line: Bounds) -> tuple[int, int] | None:
    """The gap of a line that has one, and words on both sides."""
    gaps = list(_GAP.finditer(text, *line))
    return gaps[0].span() if len(gaps) == 1 else None


def _run(text: str, lines: Sequence[Bounds], first: int, split: Bounds | None) -> int:
    """The place behind the last line that is split like the first; a line may stand in one column alone."""
    if split is None:
        return first
    column = split[1] - lines[first][0]
    end = last = first + 1
    while end < len(lines):
        start, stop = lines[end]
        own = _split(text, lines[end])
        if own is not None and abs(own[1] - start - column) <= _WANDER:
            last = end + 1
        elif not _alone(text[start:stop], column):
            break
        end += 1
    return last


def _alone(line: str, column: int) -> bool:
    """Whether a line stands in the left column or in the right one."""
    words = line.strip()
    indent = len(line) - len(line.lstrip())
    return bool(words) and "   " not in words and (indent >= column - _WANDER or len(line.rstrip()) < column)


def _columns(text: str, lines: Sequence[Bounds], column: int) -> tuple[list[Bounds], list[Bounds]]:
    left: list[Bounds] = []
    right: list[Bounds] = []
    for start, end in lines:
        gap = _split(text, (start, end))
        if gap is not None:
            left.append((start, gap[0]))
            right.append((gap[1], end))
        elif len(text[start:end]) - len(text[start:end].lstrip()) >= column - _WANDER:
            right.append((start, end))
        else:
            left.append((start, end))
    return left, right


def _is_prose(text: str, lines: Sequence[Bounds]) -> bool:
    """Words rather than the cells of a table, in most lines."""
    wide = [line for line in lines if line[1] - line[0] >= _NARROWEST and len(_WORDS.findall(text, *line)) >= 3]
    return len(wide) * 3 >= len(lines) * 2
