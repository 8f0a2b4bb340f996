"""A stored text to its printed lines, with their raw offsets; of a web page, the lines its blocks make."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import msgspec

from fhir_service.extraction.headings import INLINE_LABEL, heading_section
from fhir_service.extraction.side_by_side import in_reading_order


class Line(msgspec.Struct, frozen=True, gc=False):
    """A printed line: raw offsets without the blanks around it. `boxed` marks the first line of a text box."""

    start: int
    end: int
    words: str
    after_blank: bool
    boxed: bool


_END = r"(?:\r\n|[\r\n\f\x0b\u2028\u2029]|$)"
_LINE = re.compile(rf"[^\r\n\f\x0b\u2028\u2029]*{_END}")
_PAGE_LINE = re.compile(rf"(?:[^<\r\n\f\x0b\u2028\u2029]++|<[A-Za-z/!?][^<>]*>|<)*+{_END}")
"""A line of a page ends where no tag is open."""
_PAGE = re.compile(r"\s*(?:<\?xml[^<>]*>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_HTML = re.compile(r"<(?:html|body|p|div|br|table|h[1-6])\b[^<>]*>", re.IGNORECASE)
_UNSEEN = "script|style|head|noscript|template|textarea|svg|iframe|object|select|math|canvas|audio|video"
_HTML_DROPPED = re.compile(
    rf"<({_UNSEEN})\b[^<>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)"
    r"|<(p|div|span|section|article|li|ul|ol|table|tr|td|h[1-6]|b|i|em|strong|a)\b(?=[^<>]*>)[^<>]*"
    r"(?:\shidden\b|\saria-hidden\s*=\s*[\"']?true|display\s*:\s*none|visibility\s*:\s*hidden)[^<>]*>.*?(?:</\2\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_HTML_BREAK = re.compile(
    r"</?(?P<name>p|div|br|hr|tr|li|ul|ol|dl|dt|dd|h[1-6]|table|caption|thead|tbody|tfoot|section|article|body|html|figure|"
    r"figcaption|blockquote|pre|header|footer|nav|aside|main|form|button|address|details|summary|title|sec|abstract)\b"
    r"[^<>]*>",
    re.IGNORECASE,
)
_CELL = re.compile(r"</?t[dh]\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z/!?][^<>]*>")


def is_markup(text: str) -> bool:
    """Whether a text is a web page."""
    return _PAGE.match(text) is not None or len(_HTML.findall(text, 0, 200_000)) >= 3


def read_lines(text: str, *, markup: bool) -> Iterator[Line]:
    """The lines that hold words, in order; scripts, styles, comments and what is hidden of a page hold none."""
    blank, flush = True, True
    printed = (
        ((line, False) for line in _page_lines(text)) if markup else in_reading_order(text, list(_raw_lines(text)))
    )
    for (start, end), beside in printed:
        raw = text[start:end]
        words = _page_words(raw) if markup else raw.strip("\ufeff\u200e\u200f").strip()
        if not words:
            blank = True
            continue
        blank = blank or beside
        indent = len(raw) - len(raw.lstrip())
        boxed = not markup and (raw[:1] == " " and flush and raw[1:2] not in (" ", "\t"))
        yield from _at_labels(text, Line(start + indent, start + len(raw.rstrip()), words, blank, boxed))
        blank, flush = False, raw[:1] != " "


def _page_words(raw: str) -> str:
    return html.unescape(_TAG.sub("", _CELL.sub(" ", raw))).strip()


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


def _raw_lines(text: str) -> Iterator[tuple[int, int]]:
    for match in _LINE.finditer(text):
        if match.start() < match.end():
            yield match.span()


def _page_lines(text: str) -> Iterator[tuple[int, int]]:
    """The lines that the blocks of a page make; an empty one stands between two blocks."""
    position = 0
    for dropped in _HTML_DROPPED.finditer(text):
        yield from _lines_between(text, position, dropped.start())
        position = dropped.end()
    yield from _lines_between(text, position, len(text))


def _lines_between(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _PAGE_LINE.finditer(text, start, end):
        if match.start() == match.end():
            continue
        position = match.start()
        for tag in _HTML_BREAK.finditer(text, match.start(), match.end()):
            yield position, tag.start()
            if tag["name"].lower() != "br":
                yield tag.start(), tag.start()
            position = tag.end()
        yield position, match.end()
