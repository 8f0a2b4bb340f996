"""A PDF file to its text, by a process of its own (`pdf_words.py`)."""

from __future__ import annotations

import subprocess
import sys

from fhir_service.reports.decoding import UnreadableReportError

_PROCESS = "fhir_service.formats.pdf_words"
_REFUSED = 3
_SECONDS = 90
_BEGINNING = 1024
"""A reader finds the mark of a PDF file among its first bytes (ISO 32000-1, annex H.3.4.1)."""


def is_pdf(content: bytes) -> bool:
    """Whether the bytes are those of a PDF file."""
    return b"%PDF-" in content[:_BEGINNING]


def pdf_text(content: bytes) -> str:
    """The text of a PDF file: columns, captions and tables in reading order, without running heads.

    Raises UnreadableReportError where it is damaged, locked, made of pictures, or costs too much to read.
    """
    command = [sys.executable, "-m", _PROCESS]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, and the file goes in by stdin
            command, input=content, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableReportError(f"the PDF file takes longer than {_SECONDS} seconds to read") from error
    told = done.stdout.decode("utf-8", "replace")
    if done.returncode == _REFUSED:
        raise UnreadableReportError(told)
    if done.returncode:
        raise UnreadableReportError(
            "the PDF file cannot be read: it is damaged, or takes more memory or time than a report"
        )
    return told
