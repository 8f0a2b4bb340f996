"""A stored text to its printed lines, with their raw offsets; of a web page, the lines its blocks make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_service.extraction.headings import INLINE_LABEL, heading_section


@dataclass(frozen=True)
class Line:
    """A printed line: raw offsets without the blanks around it. `boxed` marks the first line of a text box."""

    start: int
    end: int
    words: str
    after_blank: bool
    boxed: bool


_LINE = re.compile(r"[^\r\n\f\x0b\u2028\u2029]*(?:\r\n|[\r\n\f\x0b\u2028\u2029]|$)")
_HTML = re.compile(r"<(?:html|body|p|div|br|table|h[1-6])\b[^<>]*>", re.IGNORECASE)
_HTML_DROPPED = re.compile(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_HTML_BREAK = re.compile(
    r"<(/?)(?:p|div|br|tr|li|ul|ol|h[1-6]|table|section|article|body|html)\b[^<>]*>", re.IGNORECASE
)
_TAG = re.compile(r"<[A-Za-z/!?][^<>]{0,2000}>")


def is_markup(text: str) -> bool:
    """Whether a text is a web page."""
    return len(_HTML.findall(text, 0, 200_000)) >= 3


def read_lines(text: str, *, markup: bool) -> Iterator[Line]:
    """The lines that hold words, in order; scripts, styles and comments of a page hold none."""
    dropped = [match.span() for match in _HTML_DROPPED.finditer(text)] if markup else []
    blank, flush, next_dropped = True, True, 0
    for start, end in _raw_lines(text, markup):
        while next_dropped < len(dropped) and dropped[next_dropped][1] <= start:
            next_dropped += 1
        if next_dropped < len(dropped) and dropped[next_dropped][0] <= start < dropped[next_dropped][1]:
            continue
        raw = text[start:end]
        words = _TAG.sub("", raw).strip() if markup else raw.strip("\ufeff\u200e\u200f").strip()
        if not words:
            blank = True
            continue
        indent = len(raw) - len(raw.lstrip())
        boxed = not markup and (raw[:1] == " " and flush and raw[1:2] not in (" ", "\t"))
        yield from _at_labels(text, Line(start + indent, start + len(raw.rstrip()), words, blank, boxed))
        blank, flush = False, raw[:1] != " "


def _at_labels(text: str, line: Line) -> Iterator[Line]:
    """A structured abstract printed as one paragraph comes apart at its labels."""
    first = line.start
    if ":" in line.words:
        for match in INLINE_LABEL.finditer(text, line.start, line.end):
            if heading_section(match["label"]) is not None:
                yield Line(
                    first,
                    match.start("label"),
                    text[first : match.start("label")].strip(),
                    line.after_blank,
                    line.boxed,
                )
                line = Line(
                    match.start("label"), line.end, text[match.start("label") : line.end].strip(), True, line.boxed
                )
                first = line.start
    yield line


def _raw_lines(text: str, markup: bool) -> Iterator[tuple[int, int]]:
    for match in _LINE.finditer(text):
        if match.start() == match.end():
            continue
        if not markup:
            yield match.span()
            continue
        position = match.start()
        for tag in _HTML_BREAK.finditer(text, match.start(), match.end()):
            yield position, tag.start()
            yield tag.start(), tag.start()
            position = tag.end()
        yield position, match.end()
