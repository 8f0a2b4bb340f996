"""A PDF file to the words of its pages and where they stand, by PDFium.

Run as a module it is the process that `pdf_text.py` starts: a PDF on stdin, its text or one sentence on stdout. What
somebody sent may be made to crash, fill the memory or never end, and then only this process does.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pypdfium2
from pypdfium2 import raw as pdfium

from fhir_service.formats.page_layout import Page, Word, text_of_pages

MOST_PAGES = 1_000
MOST_CHARACTERS = 2_000_000
MOST_MEMORY = 2 * 1024**3
MOST_SECONDS = 30
REFUSED = 3
"""Exit code: what was written says why."""
_LINE_HYPHEN = 2
"""PDFium's mark for a hyphen at the end of a line."""
_WORD_GAP = 0.25
"""Of the height of the letters: where two of them are further apart, a word ends."""


class UnreadablePdfError(ValueError):
    """There is no text to be had; the message says why, in one sentence."""


class _Letter(NamedTuple):
    code: int
    left: float
    right: float
    top: float
    bottom: float
    turned: float


def pages_of(content: bytes) -> Iterator[Page]:
    """Each page. Raises UnreadablePdfError for a file that is damaged, locked, too long or without text."""
    document = _opened(content)
    if len(document) > MOST_PAGES:
        raise UnreadablePdfError(f"the PDF file has more than {MOST_PAGES:,} pages")
    characters = unknown = 0
    for number in range(len(document)):
        try:
            page = document[number]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError as error:
            raise UnreadablePdfError(f"page {number + 1} of the PDF file is damaged") from error
        characters += pdfium.FPDFText_CountChars(text_page.raw)
        if characters > MOST_CHARACTERS:
            raise UnreadablePdfError(f"the PDF file has more than {MOST_CHARACTERS:,} characters")
        left, bottom, right, top = page.get_mediabox()
        letters, sideways = _letters(text_page.raw, (left, top), (right - left, top - bottom))
        unknown += sum(letter.code in (0, 0xFFFD, 0xFFFE, 0xFFFF) for letter in letters)
        width, height = (top - bottom, right - left) if sideways else (right - left, top - bottom)
        yield Page(width, height, list(_words(letters)))
        text_page.close()
        page.close()
    if characters == 0:
        raise UnreadablePdfError("the PDF file holds pictures and no text; have the text recognised first (OCR)")
    if unknown > 0.2 * characters:
        raise UnreadablePdfError(
            "the PDF file does not say which letters its fonts show; have the text recognised (OCR)"
        )


def _opened(content: bytes) -> Any:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            raise UnreadablePdfError("the PDF file is locked with a password; save it without one") from error
        raise UnreadablePdfError("the PDF file is damaged") from error


def _letters(text_page: Any, corner: tuple[float, float], size: tuple[float, float]) -> tuple[list[_Letter], bool]:
    """The letters as PDFium orders them, in places that count from the top left of the text, and whether that lies on
    its side. What stands askew to most letters (a watermark, a note in the margin) is left out."""
    box = pdfium.FS_RECTF()
    found: list[_Letter] = []
    for place in range(pdfium.FPDFText_CountChars(text_page)):
        code = pdfium.FPDFText_GetUnicode(text_page, place)
        pdfium.FPDFText_GetLooseCharBox(text_page, place, ctypes.byref(box))
        turned = round(math.degrees(pdfium.FPDFText_GetCharAngle(text_page, place)), -1) % 360
        edges = (box.left - corner[0], box.right - corner[0], corner[1] - box.top, corner[1] - box.bottom)
        found.append(_Letter(code, *edges, turned))
    turns = Counter(letter.turned for letter in found if not chr(letter.code).isspace())
    usual = turns.most_common(1)[0][0] if turns else 0.0
    if usual % 90:
        return [], False
    kept = [letter for letter in found if letter.turned == usual or chr(letter.code).isspace()]
    return [_upright(letter, usual, size) for letter in kept], usual in (90, 270)


def _upright(letter: _Letter, degrees: float, size: tuple[float, float]) -> _Letter:
    """A letter of text that is turned so far against the page, clockwise, where the text is upright."""
    code, left, right, top, bottom, _ = letter
    width, height = size
    if degrees == 270:
        return _Letter(code, height - bottom, height - top, left, right, 0)
    if degrees == 180:
        return _Letter(code, width - right, width - left, height - bottom, height - top, 0)
    if degrees == 90:
        return _Letter(code, top, bottom, width - right, width - left, 0)
    return letter


def _words(letters: list[_Letter]) -> Iterator[Word]:
    """Letters that follow each other on a line, to words."""
    word: list[_Letter] = []
    for letter in letters:
        blank = letter.code in (0, 0xFFFE, 0xFFFF) or chr(letter.code).isspace()
        if word and (blank or not _goes_on(word[-1], letter)):
            yield _word(word)
            word = []
        if not blank:
            word.append(letter)
    if word:
        yield _word(word)


def _goes_on(last: _Letter, letter: _Letter) -> bool:
    height = max(last.bottom - last.top, letter.bottom - letter.top)
    shared = min(last.bottom, letter.bottom) - max(last.top, letter.top)
    gap = letter.left - last.right
    return shared > 0.3 * min(last.bottom - last.top, letter.bottom - letter.top) and -height < gap < _WORD_GAP * height


def _word(letters: list[_Letter]) -> Word:
    codes = (ord("-") if letter.code == _LINE_HYPHEN else letter.code for letter in letters)
    text = "".join(map(chr, codes)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Word(
        text,
        min(letter.left for letter in letters),
        max(letter.right for letter in letters),
        min(letter.top for letter in letters),
        max(letter.bottom for letter in letters),
    )


def _limit_this_process() -> None:
    try:
        import resource  # noqa: PLC0415  # not on Windows; the time limit of the caller holds there
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    """Read stdin, write the text. Exit code 0, or REFUSED with the reason instead of the text."""
    _limit_this_process()
    try:
        told, code = text_of_pages(pages_of(sys.stdin.buffer.read())), 0
    except UnreadablePdfError as error:
        told, code = str(error), REFUSED
    sys.stdout.buffer.write(told.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
