"""`fhir-service load` and `unload`: the store follows the reports."""

from __future__ import annotations

import sqlite3

from sample_reports import KYPHOPLASTY, VERTEBROPLASTY


def folder(tmp_path):
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "a.txt").write_text(KYPHOPLASTY)
    (reports / "b.txt").write_text(VERTEBROPLASTY)
    return reports


def test_loading_twice_changes_nothing(run, tmp_path) -> None:
    reports = folder(tmp_path)
    first = run("load", reports)
    assert first.returncode == 0, first.stderr
    assert b"2 reports loaded" in first.stderr
    before = versions(tmp_path)
    again = run("load", reports)
    assert again.returncode == 0
    assert b"0 created, 0 updated, 0 deleted" in again.stderr
    assert versions(tmp_path) == before > 0


def test_a_changed_report_replaces_what_it_made_and_prints_the_difference(run, tmp_path) -> None:
    report = tmp_path / "report.txt"
    (tmp_path / "source.json").write_text('{"doi": "10.1000/182"}')
    report.write_text(KYPHOPLASTY)
    assert run("load", report).returncode == 0
    report.write_text(KYPHOPLASTY.replace("with hypertension ", ""))
    changed = run("load", report)
    assert changed.returncode == 0
    assert b"10.1000/182" in changed.stderr
    assert b"- Condition/" in changed.stderr
    assert b"0 deleted" not in changed.stderr


def test_a_bad_file_does_not_stop_the_others_and_is_listed_at_the_end(run, tmp_path) -> None:
    reports = folder(tmp_path)
    (reports / "aa.txt").write_bytes(b"%PDF-1.7")
    done = run("load", reports, tmp_path / "missing")
    assert done.returncode == 1
    assert b"2 reports loaded" in done.stderr
    listed = done.stderr.split(b"not loaded:")[1]
    assert b"aa.txt: the file is a PDF" in listed
    assert b"missing" in listed
    assert b"Traceback" not in done.stderr


def test_unload_deletes_and_remembers_and_a_load_brings_it_back(run, tmp_path) -> None:
    reports = folder(tmp_path)
    run("load", reports)
    made = current(tmp_path)
    done = run("unload", reports / "a.txt")
    assert done.returncode == 0, done.stderr
    assert 0 < current(tmp_path) < made
    assert run("load", reports).returncode == 0
    assert current(tmp_path) == made


def test_unload_erase_leaves_no_version(run, tmp_path) -> None:
    reports = folder(tmp_path)
    run("load", reports)
    for name in ("a.txt", "b.txt"):
        assert run("unload", reports / name, "--erase").returncode == 0
    assert versions(tmp_path) == 0
    assert b"hypertension" not in (tmp_path / "store.db").read_bytes()


def test_unload_of_what_was_never_loaded_is_one_sentence(run) -> None:
    done = run("unload", "10.1000/182")
    assert done.returncode == 2
    assert b"10.1000/182" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_database_that_cannot_be_opened_is_one_sentence(run, tmp_path) -> None:
    reports = folder(tmp_path)
    (tmp_path / "file").touch()
    below_a_file = f"sqlite+aiosqlite:///{tmp_path / 'file' / 'store.db'}"
    for url in (below_a_file, "postgresql+asyncpg://u:secret@127.0.0.1:1/none", "nonsense"):
        done = run("load", reports, FHIR_SERVICE_DATABASE_URL=url)
        assert done.returncode == 2, url
        assert b"Traceback" not in done.stderr
        assert b"secret" not in done.stderr
        assert done.stderr.count(b"\n") == 1, done.stderr


def count(tmp_path, table: str, condition: str = "1") -> int:
    with sqlite3.connect(tmp_path / "store.db") as connection:
        return connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()[0]


def versions(tmp_path) -> int:
    return count(tmp_path, "resource_version")


def current(tmp_path) -> int:
    return count(tmp_path, "resource_current", "NOT deleted")
