"""`fhir-service load` and `unload`: the store follows the reports."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess

from command import COMMAND
from sample_reports import KYPHOPLASTY, VERTEBROPLASTY

from fhir_service.fhir.access import OPEN
from fhir_service.search.query import parse_query
from fhir_service.storage.repository import Delete, open_repository
from fhir_service.workflows.publish_definitions import SOURCE as DEFINITIONS


def folder(tmp_path):
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "a.txt").write_text(KYPHOPLASTY)
    (reports / "b.txt").write_text(VERTEBROPLASTY)
    return reports


async def delete_patients(database_url: str) -> None:
    repository = await open_repository(database_url)
    try:
        page = await repository.search(parse_query("Patient", ()), OPEN)
        await repository.commit([Delete("Patient", stored.id) for stored in page.matches], OPEN)
    finally:
        await repository.close()


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
    assert b"aa.txt: the PDF file is damaged" in listed
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
    assert b"woman with hypertension" not in (tmp_path / "store.db").read_bytes()


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


NOT_PUBLISHED = f"(type, id) NOT IN (SELECT type, id FROM report_resource WHERE source_key = '{DEFINITIONS}')"


def versions(tmp_path) -> int:
    """Of what reports made; the definitions of the service are there too."""
    return count(tmp_path, "resource_version", NOT_PUBLISHED)


def current(tmp_path) -> int:
    return count(tmp_path, "resource_current", f"NOT deleted AND {NOT_PUBLISHED}")


def test_two_loads_at_once_make_each_resource_once(environment, tmp_path) -> None:
    reports = folder(tmp_path)
    both = [
        subprocess.Popen([COMMAND, "load", reports], env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert versions(tmp_path) == current(tmp_path) > 0


def test_one_source_for_two_files_is_told_and_the_second_not_loaded(run, tmp_path) -> None:
    for name, text in (("one", KYPHOPLASTY), ("two", VERTEBROPLASTY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.txt").write_text(text)
        (tmp_path / name / "source.json").write_text('{"doi": "10.1000/182"}')
    done = run("load", "one", "two")
    assert done.returncode == 1
    assert b"1 report loaded" in done.stderr
    assert b"10.1000/182" in done.stderr


def test_the_same_text_under_another_source_is_refused_until_the_first_is_unloaded(run, tmp_path) -> None:
    report, source = tmp_path / "report.txt", tmp_path / "source.json"
    report.write_text(KYPHOPLASTY)
    source.write_text('{"name": "first"}')
    assert run("load", report).returncode == 0
    source.write_text('{"name": "second"}')
    refused = run("load", report)
    assert refused.returncode == 1
    assert b"loaded as 'first'" in refused.stderr
    assert run("unload", "first").returncode == 0
    assert run("load", report).returncode == 0


def test_what_somebody_deleted_comes_back_and_is_named(run, tmp_path) -> None:
    reports = folder(tmp_path)
    run("load", reports)
    asyncio.run(delete_patients(f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"))
    again = run("load", reports)
    lines = [line for line in again.stderr.splitlines() if b"+ Patient/" in line]
    assert [line.endswith(b"; somebody had changed it, and history has what it was") for line in lines] == [True, True]


def test_a_file_that_is_no_database_is_named_with_the_reason(run, tmp_path) -> None:
    reports = folder(tmp_path)
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    done = run("load", reports)
    assert done.returncode == 2
    assert b"store.db" in done.stderr
    assert b"not a database" in done.stderr
    assert done.stderr.count(b"\n") == 1
