"""Printed lines of a table of patients to rows: a label, and one value for each patient."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fhir_service.extraction.document import Cell, Passage
from fhir_service.extraction.levels import find_levels
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.table_grid import name_at_start

Spans = list[tuple[int, int]]

_NOTHING = compiled(
    r"(?<![\w/])(?:n\.?\s?/?\s?[adrk]\.?|nil|none|no|unknown|not\s(?:available|applicable|reported|recorded|known|done|measured|given)|"
    r"lost|declined|refused|[-–—]|\?)(?![\w/])",
    re.IGNORECASE,
)
_SEX = r"(?<![\w/])(?:female|male|woman|man|[FMfm])(?![\w/])"
_NUMBER = r"(?<![\w.,-])[-−]?\d+(?:[.,]\d+)?(?:\s?/\s?\d+)?(?:\s?(?:ml|mL|cc|%))?(?![\w.])"
_TIME = (
    r"(?:(?:after|at|within|on|for)\s)?(?:(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|\d+(?:[.,]\d+)?)\s?"
    r"(?:min(?:ute)?s?|h(?:ours?|rs?)?|d(?:ays?)?|w(?:ee)?ks?|mo(?:nths?|s)?|y(?:ea)?rs?)\b)(?:\slater)?|"
    r"(?:post-?op(?:erative)?\s)?day\s\d+|immediate(?:ly)?|intra-?operative(?:ly)?|at\sonce|during\s(?:the\s)?(?:injection|procedure|operation|surgery)|same\sday"
)
_LISTED = compiled(r"\s?(?:,|and|&|\+|with)\s?", re.IGNORECASE)
_WHEN = compiled(
    r"(?:(?:pre|post)-?\s?(?:op(?:erative)?|treatment|procedur\w+|intervention\w*)?|initial|final|last|first|baseline|latest)\.?\s",
    re.IGNORECASE,
)
_TOGETHER = compiled(r"\s?/\s?|\s?,\s|\s(?:and|&|\+|with)\s|\s?;\s?")
_BRACKETS = compiled(r"\s*[(\[][^)\]]*[)\]]")


@dataclass(frozen=True, eq=False)
class GridRow:
    """`code` of `table-columns`, or `measurement`; the words of the label; a value for each patient (None: blank)."""

    code: str
    label: Passage
    values: tuple[Passage | None, ...]


def label_code(text: str) -> tuple[str, int] | None:
    """What a label that stands at the beginning of the words says of the row, and where it ends."""
    name = name_at_start(text)
    first = lexicon("table-columns").first(text)
    if first is not None and first.start == 0 and (name is None or first.end >= name.end):
        return first.code, first.end
    if name is not None:
        return "measurement", name.end
    when = _WHEN.match(text)
    later = name_at_start(text[when.end() :]) if when else None
    return ("measurement", when.end() + later.end) if when and later is not None else None


def label_codes(text: str) -> list[str]:
    """What a label says that its column holds: "Treatment/outcome" both, "unlabelled" where it says nothing we know."""
    whole = label_code(text)
    if whole is not None and (whole[0] == "measurement" or is_whole_label(text)):
        return [whole[0]]
    parts = [label_code(part) for part in _TOGETHER.sub("\n", _BRACKETS.sub("", text)).split("\n")]
    codes = [part[0] for part in parts if part is not None]
    return list(dict.fromkeys(codes)) or ["unlabelled"]


def content_code(text: str) -> str:
    """What an unlabelled value must be by what it holds; "unlabelled" where that is not clear."""
    levels = [(mention.start, mention.end) for mention in find_levels(text)]
    if levels and not _nothing_but(text, levels):
        return "level"
    times = _spans(_TIME)(text)
    if len(times) == 1 and not _nothing_but(text, times):
        return "onset"
    if lexicon("complications").matches(text):
        return "complication"
    return "outcome" if lexicon("outcomes").matches(text) else "unlabelled"


def _nothing_but(text: str, spans: Spans) -> str:
    """What is left of a value without these parts of it."""
    rest, end = "", 0
    for start, stop in sorted(spans):
        rest += text[end:start]
        end = max(end, stop)
    return re.sub(r"[\s,;:.&+()/-]|\band\b|\bto\b", "", rest + text[end:])


def is_whole_label(text: str) -> bool:
    """Whether the words are a label with nothing behind it but brackets."""
    found = label_code(text)
    if found is None:
        return False
    rest = _BRACKETS.sub("", text[found[1] :]).strip(" :,.")
    return not rest


def grid_rows(lines: Sequence[Sequence[Cell]], count: int, text: str) -> list[GridRow]:
    """The rows of a table whose columns are `count` patients, whichever way each of them is printed."""
    found: list[GridRow] = []
    place = 0
    while place < len(lines):
        row = _in_cells(lines[place], count, text) or _in_line(lines[place], count)
        below = None if row is not None else _below(lines, place, count)
        if row is not None or below is not None:
            found += [each for each in (row, below) if each is not None]
        place += 1 + (count if below is not None else 0)
    return found


def with_blanks(line: Sequence[Cell], text: str) -> list[Cell | None]:
    """The cells of a line, None for one that bars or tabs enclose with nothing in it."""
    cells: list[Cell | None] = []
    for number, cell in enumerate(line):
        if number:
            between = text[line[number - 1].end : cell.start]
            cells += [None] * (max(between.count("|"), between.count("\t")) - 1)
        cells.append(cell)
    return cells


def _in_cells(line: Sequence[Cell], count: int, text: str) -> GridRow | None:
    cells = with_blanks(line, text)
    if len(line) < 2 or cells[0] is None:
        return None
    label, values = cells[0], cells[1:]
    code = label_code(label.text)
    if code is None or len(values) > count or (len(values) < count and "|" not in text[line[0].start : line[-1].end]):
        return None
    return GridRow(code[0], label, (*values, *[None] * (count - len(values))))


def _below(lines: Sequence[Sequence[Cell]], place: int, count: int) -> GridRow | None:
    """A label on a line of its own, and the values on the lines below it."""
    head, under = lines[place], lines[place + 1 : place + 1 + count]
    if len(head) != 1 or len(under) != count or any(len(line) != 1 for line in under):
        return None
    code = label_code(head[0].text)
    if code is None or not is_whole_label(head[0].text) or any(is_whole_label(line[0].text) for line in under):
        return None
    return GridRow(code[0], head[0], tuple(line[0] for line in under))


def _in_line(line: Sequence[Cell], count: int) -> GridRow | None:
    """A label and its values with blanks between them: they come apart into as many values of the label's kind."""
    if len(line) != 1:
        return None
    cell = line[0]
    known = label_code(cell.text)
    if known is None:
        return None
    code, end = known
    for kind in _KINDS.get(code, ()):
        values = [span for span in _with_nothing(cell.text, kind(cell.text)) if span[0] >= end]
        if len(values) == count and _nothing_between(cell.text, values):
            label = _part(cell, 0, values[0][0])
            return GridRow(code, label, tuple(_part(cell, *span) for span in values))
    return None


def _part(cell: Passage, start: int, end: int) -> Passage:
    words = cell.text[start:end].rstrip()
    return Passage(cell.source, cell.first + start, cell.first + start + len(words), words)


def _with_nothing(text: str, values: Spans) -> Spans:
    """The values, those that belong to one list joined, and the words that stand for no value."""
    joined: Spans = []
    for start, end in sorted(values):
        if joined and start < joined[-1][1]:
            continue
        if joined and _LISTED.fullmatch(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    missing = [match.span() for match in _NOTHING.finditer(text)]
    return sorted([*joined, *(m for m in missing if not any(a < m[1] and m[0] < b for a, b in joined))])


def _nothing_between(text: str, values: Spans) -> bool:
    """Between two values, and behind the last, no words are left over."""
    ends = [*(start for start, _ in values[1:]), len(text)]
    return all(not text[end:start].strip(" ,;.") for (_, end), start in zip(values, ends, strict=True))


def _spans(pattern: str) -> Callable[[str], Spans]:
    expression = compiled(pattern, re.IGNORECASE)
    return lambda text: [match.span() for match in expression.finditer(text)]


def _hits(name: str, *groups: str) -> Callable[[str], Spans]:
    return lambda text: [
        (hit.start, hit.end) for hit in lexicon(name).find(text) if not groups or hit.term["group"] in groups
    ]


def _levels(text: str) -> Spans:
    return [(mention.start, mention.end) for mention in find_levels(text)]


_KINDS: dict[str, tuple[Callable[[str], Spans], ...]] = {
    "age": (_spans(_NUMBER),),
    "sex": (_spans(_SEX),),
    "fracture": (_levels,),
    "level": (_levels,),
    "procedure": (_hits("procedures", "augmentation"),),
    "volume": (_spans(_NUMBER),),
    "onset": (_spans(_TIME), _spans(_NUMBER)),
    "follow-up": (_spans(_TIME), _spans(_NUMBER)),
    "comorbidity": (_hits("diseases"),),
    "outcome": (_hits("outcomes"),),
    "measurement": (_spans(_NUMBER),),
}
