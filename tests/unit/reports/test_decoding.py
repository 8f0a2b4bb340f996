"""Report files come as hospitals and publishers save them."""

import codecs
import os

import pytest

from fhir_service.reports.decoding import UnreadableReportError, decode_report

TEXT = "A 73-year-old woman underwent kyphoplasty of T11; haemoglobin was 9.4 g/dl, naïve café.\r\nSecond line."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_every_usual_encoding_gives_the_same_text_with_its_line_ends(encoding: str) -> None:
    assert decode_report(TEXT.encode(encoding)) == TEXT


def test_windows_quotes_and_dashes_are_read_as_windows_1252() -> None:
    text = "The patient’s pain – severe – was “stabbing”, grade 4/5 on the left side."
    assert decode_report(text.encode("cp1252")) == text


@pytest.mark.parametrize("raw", [b"", b"   \n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n", b"\x00\x00\x00"])
def test_a_file_without_a_word_is_called_empty(raw: bytes) -> None:
    with pytest.raises(UnreadableReportError, match="empty"):
        decode_report(raw)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04abcdef", "ZIP"),
        (b"{\\rtf1\\ansi hello}", "RTF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (bytes(range(256)) * 4, "binary"),
        (b"text with a \x00 in it, and more text after", "binary"),
    ],
)
def test_a_file_of_another_kind_is_named(raw: bytes, what: str) -> None:
    with pytest.raises(UnreadableReportError, match=what):
        decode_report(raw)


def test_an_eight_bit_script_that_cannot_be_told_is_refused_and_not_guessed() -> None:
    with pytest.raises(UnreadableReportError, match="encoding"):
        decode_report("Больной шестидесяти лет поступил с болью в спине".encode("koi8-r"))


def test_utf_16_cut_in_the_middle_of_a_character_is_refused() -> None:
    with pytest.raises(UnreadableReportError):
        decode_report(TEXT.encode("utf-16")[:-1])


def test_random_bytes_are_refused() -> None:
    for _ in range(50):
        with pytest.raises(UnreadableReportError):
            decode_report(b"\x00" + os.urandom(4001))


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
def test_utf_32_with_its_mark_is_read(mark: bytes) -> None:
    encoding = "utf-32-le" if mark == codecs.BOM_UTF32_LE else "utf-32-be"
    assert decode_report(mark + TEXT.encode(encoding)) == TEXT


def test_a_page_is_read_in_the_encoding_that_it_names() -> None:
    page = '<html><head><meta charset="windows-1251"></head><body><p>Больной поступил с болью.</p></body></html>'
    assert decode_report(page.encode("cp1251")) == page


@pytest.mark.parametrize("name", ["nonsense", "utf-7", "rot13", "base64", "utf-8"])
def test_a_page_that_names_no_encoding_of_its_text_is_read_as_others_are(name: str) -> None:
    page = (
        f'<html><head><meta http-equiv="x" content="text/html; charset={name}"></head><body>{TEXT} naïve</body></html>'
    )
    assert decode_report(page.encode("latin-1", "replace")) == page.encode("latin-1", "replace").decode("latin-1")
