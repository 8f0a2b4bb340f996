"""A report file on disk, with the source.json beside it, to a Report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from fhir_service.formats.pdf_text import is_pdf, pdf_text
from fhir_service.reports.decoding import UnreadableReportError, decode_report
from fhir_service.reports.report import Report, Source
from fhir_service.reports.source import InvalidSourceError, source_from_json

CITATION = "source.json"
TEXT, PRINTED = ".txt", (".html", ".htm", ".pdf")
"""Files of these suffixes in a folder are reports; a printed one is not where its text lies beside it."""
REPORT = "report"
_LARGEST_CITATION = 1_000_000
FORM_SUFFIX = ".json"
"""A file of this suffix, named by itself, is a filled-in form."""


def report_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every report among `paths`: a file is itself, a folder is all reports below it, in order of name.

    Raises UnreadableReportError for a path that is not there and for a folder without a report.
    """
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if _is_report(file, path))
            if not found:
                raise UnreadableReportError(f"{path} holds no report ({', '.join((TEXT, *PRINTED))})")
            yield from found
        elif path.exists():
            yield path
        else:
            raise UnreadableReportError(f"{path} is not there")


def read_report_file(path: Path, *, max_bytes: int, source: Source | None = None) -> Report:
    """The Report in a file. `source` overrides the source.json that lies beside a report.txt, .html or .pdf.

    Raises UnreadableReportError for a file that is too large, empty, binary, in no encoding that can be told, a PDF
    without text, or whose source.json cannot be read.
    """
    citation = citation_beside(path) if source is None else None
    return report_in(file_bytes(path, max_bytes), citation, source)


def report_in(content: bytes, citation: bytes | None = None, source: Source | None = None) -> Report:
    """The Report that the bytes of a file hold. `citation` is its source.json, `source` overrides it. The text of a PDF
    is what is stored: offsets count in it.

    Raises UnreadableReportError.
    """
    try:
        cited = source or (Source() if citation is None else source_from_json(citation))
    except InvalidSourceError as error:
        raise UnreadableReportError(str(error)) from error
    return Report(text=pdf_text(content) if is_pdf(content) else decode_report(content), source=cited)


def file_bytes(path: Path, max_bytes: int) -> bytes:
    """What is in a file. Raises UnreadableReportError."""
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableReportError(f"the file cannot be opened ({error.strerror})") from error
    if len(raw) > max_bytes:
        raise UnreadableReportError(f"the file is larger than {max_bytes:,} bytes")
    return raw


def citation_beside(path: Path) -> bytes | None:
    """A source.json speaks for the report.txt, .html or .pdf in its folder; another name has no citation.

    Raises UnreadableReportError.
    """
    citation = path.with_name(CITATION)
    return file_bytes(citation, _LARGEST_CITATION) if path.stem == REPORT and citation.is_file() else None


def _is_report(path: Path, folder: Path) -> bool:
    if any(part.startswith(".") for part in path.relative_to(folder).parts) or not path.is_file():
        return False
    suffix = path.suffix.lower()
    return suffix == TEXT or (suffix in PRINTED and not path.with_suffix(TEXT).is_file())
