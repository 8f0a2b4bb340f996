"""PDF files as publishers print reports: two columns, running heads, captions and tables. Made anew for each test."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import reportlab
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
FONT = "Vera"
LEFT, RIGHT, TOP, LEADING = 50.0, 310.0, 110.0, 12.0
pdfmetrics.registerFont(TTFont(FONT, str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")))


class Print:
    """A PDF file that is being written; places count from the top left."""

    def __init__(self, **options: object) -> None:
        self._bytes = io.BytesIO()
        self.canvas = Canvas(self._bytes, pagesize=A4, **options)  # type: ignore[arg-type]  # options as Canvas has them

    def line(self, text: str, left: float, top: float, size: float = 8) -> None:
        self.canvas.setFont(FONT, size)
        self.canvas.drawString(left, HEIGHT - top, text)

    def lines(self, texts: Sequence[str], left: float, top: float, size: float = 8) -> float:
        """Lines below each other; an empty one is half as high. Where the next one goes."""
        for text in texts:
            if text:
                self.line(text, left, top, size)
            top += LEADING if text else LEADING / 2
        return top

    def turned(self, text: str, left: float, top: float, degrees: float) -> None:
        self.canvas.saveState()
        self.canvas.translate(left, HEIGHT - top)
        self.canvas.rotate(degrees)
        self.canvas.setFont(FONT, 8)
        self.canvas.drawString(0, 0, text)
        self.canvas.restoreState()

    def next_page(self) -> None:
        self.canvas.showPage()

    def content(self) -> bytes:
        self.canvas.save()
        return self._bytes.getvalue()


LEFT_COLUMN = (
    "Introduction",
    "",
    "Kyphoplasty is done for painful fractures of",
    "the osteoporotic spine. Leakage of cement is",
    "common and mostly without symptoms.",
    "",
    "Case presentation",
    "",
    "A 71-year-old woman with hypertension under-",
    "went percutaneous kyphoplasty of L1 for an",
    "osteoporotic vertebral compression fracture.",
    "A total of 4.5 mL of polymethylmethacrylate",
)
RIGHT_COLUMN = (
    "was injected. Two weeks after the procedure",
    "she developed weakness of both legs. CT",
    "showed epidural cement leakage at L1 with a",
    "T-score of −3.1 and no ﬁstula. Lami-",
    "nectomy of L1 with removal of the cement",
    "was performed. At the last follow-up, one",
    "year after surgery, she had recovered",
    "completely.",
    "",
    "Discussion",
    "",
    "Surgeons should inject slowly.",
)


def two_columns() -> bytes:
    """A page in two columns below a title that spans them, then one with a caption in mid-sentence."""
    page = Print()
    page.line("J Spine Cases 2020;12:1-3", LEFT, 30, 7)
    page.line("Cement leakage after kyphoplasty: a case report", LEFT, 70, 14)
    page.line("A. Author, B. Author", LEFT, 90)
    # As some programs write it: line by line across both columns.
    for number, (left, right) in enumerate(zip(LEFT_COLUMN, RIGHT_COLUMN, strict=True)):
        top = TOP + 10 + number * LEADING
        if left:
            page.line(left, LEFT, top)
        if right:
            page.line(right, RIGHT, top)
    page.turned("Downloaded from example.org", 20, 500, 90)
    page.line("17", WIDTH / 2, HEIGHT - 20)
    page.next_page()
    page.line("J Spine Cases 2020;12:1-3", LEFT, 30, 7)
    page.lines(("A second patient, a man aged", "64 years, had the same"), LEFT, TOP)
    page.lines(("Fig. 1 Radiograph of the spine", "after the operation"), LEFT, TOP + 60, 6)
    page.lines(("treatment of T12, and no", "leakage was seen."), LEFT, TOP + 120)
    page.line("18", WIDTH / 2, HEIGHT - 20)
    return page.content()


def of_lines(*lines: str, **options: object) -> bytes:
    """One page in one column."""
    page = Print(**options)
    page.lines(lines, LEFT, TOP)
    return page.content()
