"""A file on disk becomes a report, whatever form its text has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from printed_reports import of_lines, two_columns

from fhir_service.extraction.read_report import extract
from fhir_service.reports.decoding import UnreadableReportError
from fhir_service.workflows.read_report_file import read_report_file, report_files


def test_a_printed_report_gives_the_facts_of_its_text_with_offsets_into_it(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(two_columns())
    (tmp_path / "source.json").write_text(json.dumps({"doi": "10.1000/182"}))
    report = read_report_file(tmp_path / "report.pdf", max_bytes=1_000_000)
    assert (report.source_key, report.content_type) == ("10.1000/182", "text/plain")
    first = extract(report).case[0]
    (index,) = (fact for fact in first.procedure if fact.role == "index")
    assert [level.code for level in index.level] == ["L1"]
    (leak,) = (fact for fact in first.complication if fact.kind.code == "cement-leakage-epidural")
    assert [span.words(report.text) for span in leak.kind.span] == ["epidural cement leakage"]


def test_of_a_folder_texts_pages_and_printed_reports_are_read_and_one_form_of_each(tmp_path: Path) -> None:
    for name in ("a.txt", "a.pdf", "b.PDF", "c.html", "d.htm", "e.docx", ".hidden.txt", "reports.ndjson"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.txt").mkdir()
    assert [path.name for path in report_files([tmp_path])] == ["a.txt", "b.PDF", "c.html", "d.htm"]


def test_a_folder_without_a_report_says_which_files_are_reports(tmp_path: Path) -> None:
    with pytest.raises(UnreadableReportError, match=r"\.txt, \.html, \.htm, \.pdf"):
        list(report_files([tmp_path]))


def test_a_printed_report_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(of_lines("A man fell."))
    with pytest.raises(UnreadableReportError, match="larger than 100 bytes"):
        read_report_file(tmp_path / "a.pdf", max_bytes=100)
