"""`fhir-service map FOLDER --out FOLDER`: as many processes as there are cores, and a run that goes on."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from command import COMMAND
from sample_reports import GERMAN, KYPHOPLASTY

INSTANT = "2026-01-31T12:00:00Z"


def write_reports(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03}.txt").write_text(f"Case {number}.\n\n{KYPHOPLASTY}")
        (folder / f"{number:03}").mkdir()
        (folder / f"{number:03}" / "report.txt").write_text(f"Report {number}.\n\n{KYPHOPLASTY}")


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_mapped_by_two_processes_and_what_failed_is_listed(run, tmp_path: Path) -> None:
    write_reports(tmp_path / "reports", 3)
    (tmp_path / "reports" / "bad.txt").write_bytes(b"")
    (tmp_path / "reports" / "german.txt").write_text(GERMAN)
    done = run("map", "reports", "--out", "bundles", "--workers", "2", "--recorded", INSTANT)
    assert done.returncode == 1
    told = done.stderr.decode()
    assert done.stdout == b""
    assert "7 reports mapped: 6 patients in bundles." in told
    assert "1 × The report is not in English" in told
    assert "1 not mapped:\n  bad.txt: the file is empty" in told
    bundle = json.loads((tmp_path / "bundles" / "000.txt.json").read_bytes())
    assert (bundle["type"], len(files_in(tmp_path / "bundles"))) == ("transaction", 8)


def test_what_makes_no_sense_together_is_one_sentence(run, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    for arguments, word in (
        (("reports",), "--out"),
        (("--out", "bundles"), "folder of reports"),
    ):
        done = run("map", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
        assert word in done.stderr.decode()


@pytest.mark.long
def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_files(run, environment, tmp_path: Path) -> None:
    write_reports(tmp_path / "reports", 60)
    assert run("map", "reports", "--out", "whole", "--recorded", INSTANT).returncode == 0
    arguments = [COMMAND, "map", "reports", "--out", "bundles", "--workers", "2", "--recorded", INSTANT]
    killed = subprocess.Popen(arguments, env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
    ledger = tmp_path / "bundles" / "reports.ndjson"
    while not ledger.exists() or ledger.read_bytes().count(b"\n") < 20:
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done_before = ledger.read_bytes().count(b"\n") - 1
    assert done_before < 120
    again = run("map", "reports", "--out", "bundles", "--workers", "2")
    assert again.returncode == 0
    assert f"{120 - done_before} reports mapped, {done_before} as before".encode() in again.stderr
    assert files_in(tmp_path / "bundles") == files_in(tmp_path / "whole")
