"""Bytes of a report file to its text, or a clear reason why not.

The text keeps every character and line end of the file, a byte order mark excepted: offsets count in it.
"""

from __future__ import annotations

import codecs
import re

MAX_CONTROL_SHARE = 0.01
"""Text extracted from PDF carries a stray form feed; more than one control character in a hundred is not text."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LETTER = re.compile(r"[^\W\d_]")
_KNOWN_FORMATS = {
    b"%PDF": "a PDF file; extract its text first",
    b"PK\x03\x04": "a ZIP, Word or EPUB file; extract its text first",
    b"{\\rtf": "an RTF file; save it as plain text first",
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xd0\xcf\x11\xe0": "an old Word file; save it as plain text first",
}
_CHARSET = re.compile(rb"<meta[^<>]{0,200}\bcharset\s*=\s*[\"']?\s*([A-Za-z0-9._-]{2,40})", re.IGNORECASE)
_HEAD = 4096
"""Bytes of a page in which it may say its encoding."""
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class UnreadableReportError(ValueError):
    """The file holds no text that can be read; the message says what it is, in one sentence."""


def decode_report(raw: bytes) -> str:
    """The text of a report in UTF-8, UTF-16, UTF-32 or Latin-1 (Windows-1252 where its extra characters are used), or
    of a page in the encoding that it names.

    Raises UnreadableReportError for an empty or binary file and for bytes in no encoding that can be told.
    """
    if not raw.strip(b"\x00 \t\r\n\x0b\x0c"):
        raise UnreadableReportError("the file is empty")
    for magic, what in _KNOWN_FORMATS.items():
        if raw.startswith(magic):
            raise UnreadableReportError(f"the file is {what}")
    text = _decode(raw)
    if not text.strip():
        raise UnreadableReportError("the file is empty")
    controls = len(_CONTROL.findall(text))
    if "\x00" in text or controls > MAX_CONTROL_SHARE * len(text) + 1:
        raise UnreadableReportError("the file is binary, not text")
    return text


def _decode(raw: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return _strictly(raw[len(mark) :], encoding)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if "\x00" not in text:
            return text
    guess = _utf16_without_mark(raw)
    if guess is not None:
        return _strictly(raw, guess)
    if b"\x00" in raw:
        raise UnreadableReportError("the file is binary, not text")
    told = _CHARSET.search(raw[:_HEAD])
    page = _as_it_says(raw, told[1].decode()) if told is not None else None
    return _single_byte(raw) if page is None else page


def _as_it_says(raw: bytes, encoding: str) -> str | None:
    """A page in the encoding that it names, where that is one of text and fits."""
    try:
        return raw.decode(encoding) if codecs.lookup(encoding).name != "utf-8" else None
    except (LookupError, UnicodeError, ValueError):
        return None


def _strictly(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableReportError(
            f"the file says it is {encoding.upper()} but byte {error.start} does not fit; save it as UTF-8"
        ) from error


def _utf16_without_mark(raw: bytes) -> str | None:
    """UTF-16 of a Western text has a zero in nearly every second byte, always on the same side."""
    if len(raw) % 2:
        return None
    half = len(raw) // 2
    if raw[1::2].count(0) > 0.7 * half and raw[0::2].count(0) < 0.02 * half:
        return "utf-16-le"
    if raw[0::2].count(0) > 0.7 * half and raw[1::2].count(0) < 0.02 * half:
        return "utf-16-be"
    return None


def _single_byte(raw: bytes) -> str:
    high = sum(byte >= 0x80 for byte in raw)
    encoding = "cp1252" if any(0x80 <= byte <= 0x9F for byte in raw) else "latin-1"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableReportError("the file's encoding cannot be told; save it as UTF-8") from error
    # A Western report is mostly ASCII letters; another eight-bit script, or noise, is not to be guessed at.
    if high > 0.2 * len(raw) or len(_LETTER.findall(text)) < 0.3 * len(text):
        raise UnreadableReportError("the file's encoding cannot be told; save it as UTF-8")
    return text
