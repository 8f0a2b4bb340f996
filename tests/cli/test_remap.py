"""`fhir-service remap`: what other maps would make of the loaded reports, and making it so."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from changed_maps import changed_maps, loaded
from sample_reports import KYPHOPLASTY, VERTEBROPLASTY

from fhir_service import cli
from fhir_service.definitions.catalogue import BrokenArtifact
from fhir_service.mapping import map_report
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.library import MapLibrary
from fhir_service.reports.report import Report, Source
from fhir_service.storage.repository import open_repository

OBSERVATION = "structure-maps/case-report-observation.fml"
REPORTS = [
    Report(text=KYPHOPLASTY, source=Source(doi="10.1000/1")),
    Report(text=VERTEBROPLASTY, source=Source(name="-1 [bold]x")),
]


@pytest.fixture
def loaded_by_older_maps(tmp_path, environment) -> None:
    older = changed_maps(
        tmp_path, (OBSERVATION, "age -> observation.status = 'final'", "age -> observation.status = 'registered'")
    )

    async def load() -> None:
        repository = await open_repository(environment["FHIR_SERVICE_DATABASE_URL"])
        try:
            for report in REPORTS:
                await loaded(repository, report, older)
        finally:
            await repository.close()

    asyncio.run(load())


@pytest.mark.usefixtures("loaded_by_older_maps")
def test_it_shows_the_difference_applies_it_and_then_has_nothing_to_do(run) -> None:
    shown = run("remap")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count(b"  ~ Observation/") == 2
    assert shown.stdout.count('      status: "registered" → "final"'.encode()) == 2
    assert b"-1 [bold]x\n" in shown.stdout
    assert b"2 reports would be mapped anew (nothing is stored without --apply): 0 created, 2 updated" in shown.stderr
    one = run("remap", "--source", "10.1000/1", "--apply", "--json")
    assert one.returncode == 0, one.stderr
    told = json.loads(one.stdout)
    assert (told["source"], told["applied"], told["kept"]) == ("10.1000/1", True, [])
    assert [entry["differences"] for entry in told["updated"]] == [
        [{"path": "status", "old": "registered", "new": "final"}]
    ]
    rest = run("remap", "--yes")
    assert b"1 reports mapped anew: 0 created, 1 updated, 0 deleted; 1 as they were." in rest.stderr
    again = run("remap", "--apply")
    assert (again.returncode, again.stdout) == (0, b"")
    assert again.stderr.startswith(b"Nothing to do: 2 reports")


def test_an_unknown_source_is_one_sentence_and_exit_1(run) -> None:
    done = run("remap", "--source", "10.1000/9")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"10.1000/9 cannot be mapped anew: no report with the source" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error",
    [MappingError("a rule names an element that is not there", map_name="m"), BrokenArtifact("x.json: no JSON")],
)
def test_a_map_that_cannot_be_used_is_told_with_its_reason_and_is_no_fault_of_ours(
    environment, monkeypatch, capsys, error: Exception
) -> None:
    def broken(_: str) -> MapLibrary:
        raise error

    monkeypatch.setattr(map_report, "map_library", broken)
    monkeypatch.setattr(sys, "argv", ["fhir-service", "remap"])
    monkeypatch.setenv("FHIR_SERVICE_DATABASE_URL", environment["FHIR_SERVICE_DATABASE_URL"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    told = " ".join(capsys.readouterr().err.split())
    assert (stopped.value.code, str(error) in told, "fault of ours" in told) == (2, True, False)
