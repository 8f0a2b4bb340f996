"""The text of a PDF file is read as a person reads the page, and what cannot be read says why."""

from __future__ import annotations

import zlib

import pytest
from printed_reports import HEIGHT, LEFT, TOP, WIDTH, Print, of_lines, two_columns
from reportlab.lib.pdfencrypt import StandardEncryption

from fhir_service.formats import pdf_text as module
from fhir_service.formats import pdf_words
from fhir_service.formats.page_layout import Page, Word, rows_of, text_of_pages
from fhir_service.formats.pdf_text import is_pdf, pdf_text
from fhir_service.formats.pdf_words import UnreadablePdfError, pages_of
from fhir_service.reports.decoding import UnreadableReportError


def text(content: bytes) -> str:
    """Of a file that nobody made to do harm: without a process of its own."""
    return text_of_pages(pages_of(content))


def test_two_columns_are_read_one_after_the_other_below_the_title_that_spans_them() -> None:
    lines = text(two_columns()).splitlines()
    assert lines[0] == "Cement leakage after kyphoplasty: a case report"
    assert lines.index("A total of 4.5 mL of polymethylmethacrylate") + 1 == lines.index(
        "was injected. Two weeks after the procedure"
    )
    assert lines[lines.index("Discussion") - 1] == ""


def test_running_heads_page_numbers_and_what_stands_askew_are_left_out() -> None:
    found = text(two_columns())
    for furniture in ("J Spine", "17", "18", "Downloaded"):
        assert furniture not in found


def test_a_caption_stands_by_itself() -> None:
    assert "had the same\n\nFig. 1 Radiograph of the spine\nafter the operation\n\ntreatment" in text(two_columns())


def test_a_head_that_stands_on_one_page_alone_is_read() -> None:
    page = Print()
    page.line("Cement leakage", LEFT, 30)
    page.lines(("A man fell.",), LEFT, TOP)
    assert text(page.content()).split("\n")[0] == "Cement leakage"


def test_three_columns_are_read_one_after_the_other() -> None:
    page = Print()
    for column in range(3):
        page.lines([f"column {column} with {row} and more words" for row in range(5)], 30 + column * 180, TOP)
    lines = text(page.content()).split()
    assert [word for word in lines if word in "012"] == [
        word for column in "012" for row in "01234" for word in (column, row) if word in "012"
    ]


def test_the_cells_of_a_table_stay_on_their_lines_with_blanks_between() -> None:
    page = Print()
    for row, cells in enumerate((("Case", "Age", "Level"), ("1", "64", "T12"), ("2", "71", "L1"), ("3", "80", "L3"))):
        for column, cell in enumerate(cells):
            page.line(cell, LEFT + column * 120, TOP + row * 12)
    assert text(page.content()).splitlines() == ["Case   Age   Level", "1   64   T12", "2   71   L1", "3   80   L3"]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_lies_on_its_side_or_head_is_read(degrees: int) -> None:
    page = Print()
    for row in range(4):
        shift = {90: (row * 12, 0), 180: (0, -row * 12), 270: (-row * 12, 0)}[degrees]
        page.turned(f"Line {row} of the report.", 300 + shift[0], 400 + shift[1], degrees)
    assert text(page.content()).split() == [word for row in range(4) for word in f"Line {row} of the report.".split()]


def test_a_superscript_stays_on_its_line() -> None:
    page = Print()
    page.line("It was seen", LEFT, TOP)
    page.line("3,4", LEFT + 46, TOP - 3, 5)
    page.line("in others.", LEFT + 60, TOP)
    assert text(page.content()) == "It was seen3,4 in others.\n"


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    page = Print()
    page.line("She had pain and", LEFT, TOP)
    page.next_page()
    page.line("fever.", LEFT, TOP)
    assert text(page.content()) == "She had pain and\nfever.\n"


def test_the_order_in_which_words_are_drawn_does_not_matter() -> None:
    words = [
        Word(f"w{row}{column}", column * 30.0, column * 30.0 + 25, row * 12.0, row * 12.0 + 10)
        for row in range(3)
        for column in range(4)
    ]
    there = [row.text for row in rows_of(Page(WIDTH, HEIGHT, words))]
    assert there == [row.text for row in rows_of(Page(WIDTH, HEIGHT, words[::-1]))]
    assert there[0] == "w00 w01 w02 w03"


def test_a_file_without_text_a_locked_one_and_a_damaged_one_say_so() -> None:
    whole, picture = of_lines("A man fell."), Print()
    picture.canvas.rect(9, 9, 9, 9)
    for content, word in (
        (picture.content(), "pictures"),
        (of_lines("A man fell.", encrypt=StandardEncryption("secret", canPrint=0)), "password"),
        (whole[: len(whole) // 3], "damaged"),
        (b"%PDF-1.4 x", "damaged"),
    ):
        with pytest.raises(UnreadablePdfError, match=word):
            text(content)


def test_a_file_that_only_its_owner_may_change_is_read() -> None:
    assert (
        text(of_lines("A man fell.", encrypt=StandardEncryption("", ownerPassword="x", canModify=0))) == "A man fell.\n"
    )


def bomb(size: int) -> bytes:
    """A page whose content is small in the file and large when it is unpacked."""
    packer = zlib.compressobj(9)
    packed = packer.compress(b"BT /F1 8 Tf ")
    piece = b"(AAAAAAAA) Tj " * 10_000
    for _ in range(size // len(piece)):
        packed += packer.compress(piece)
    packed += packer.compress(b"ET") + packer.flush()
    return b"".join(
        (
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n",
            b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R",
            b"/Resources<</Font<</F1 5 0 R>>>>>>endobj\n",
            b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n",
            b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n" % len(packed),
            packed,
            b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n",
        )
    )


def test_a_file_that_unpacks_to_more_than_a_report_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_words, "MOST_CHARACTERS", 20_000)
    with pytest.raises(UnreadablePdfError, match="more than 20,000 characters"):
        text(bomb(140_000))


@pytest.mark.parametrize(("setting", "code"), [("_SECONDS", 0), ("_PROCESS", "no.such.module")])
def test_a_process_that_takes_too_long_or_dies_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, setting: str, code: object
) -> None:
    monkeypatch.setattr(module, setting, code)
    with pytest.raises(UnreadableReportError, match=r"longer than 0 seconds|damaged, or takes more"):
        pdf_text(two_columns())


@pytest.mark.long
def test_a_file_that_unpacks_without_end_is_stopped() -> None:
    with pytest.raises(UnreadableReportError, match="damaged, or takes more memory or time"):
        pdf_text(bomb(400_000_000))


def test_a_process_of_its_own_reads_the_same_and_passes_the_reason_on() -> None:
    assert pdf_text(two_columns()) == text(two_columns())
    with pytest.raises(UnreadableReportError, match=r"^the PDF file is damaged$"):
        pdf_text(b"%PDF-1.4 x")


@pytest.mark.parametrize(("content", "yes"), [(b"\r\n%PDF-1.7", True), (b"A %PDF is a file", False), (b"", False)])
def test_a_pdf_is_known_by_its_mark(content: bytes, yes: bool) -> None:
    assert is_pdf(content) is yes
