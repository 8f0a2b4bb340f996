"""`fhir-service export DIR`: the store itself, by the shards of the server's job, through interruptions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.json_text import encode
from fhir_service.storage.repository import Create, Delete, Repository
from fhir_service.workflows.bulk_client.errors import NotExported
from fhir_service.workflows.bulk_client.exported import Export
from fhir_service.workflows.bulk_client.ledger import Ledger
from fhir_service.workflows.bulk_client.wanted import Wanted
from fhir_service.workflows.do_jobs import JobSettings, runner_of
from fhir_service.workflows.export_here import Here, export_here
from fhir_service.workflows.job_runner import JobLimits

ALL = Wanted()
SETTINGS = JobSettings("unused", file_bytes=1000, limits=JobLimits(1.0))


class Killed(BaseException):
    """The process ends here."""


class Watching:
    """Dies when so many parts are done."""

    def __init__(self, dies_after: int = 1000) -> None:
        self.dies_after = dies_after

    def waits(self, progress: str, done: int = 0, parts: int | None = None) -> None:
        assert 0 < len(progress) < 100
        if done >= self.dies_after:
            raise Killed

    def fetches(self, files: int, resources: int | None) -> None: ...
    def came(self, file: str, resources: int) -> None: ...


async def exported(
    repository: Repository, folder: Path, wanted: Wanted = ALL, dies_after: int = 1000, anew: bool = False
) -> Export:
    here = Here(repository, ("Group", "Observation", "Patient"), "http://localhost/fhir", SETTINGS)
    ledger = Ledger(folder)
    try:
        return await export_here(here, wanted, ledger, Watching(dies_after), anew=anew)
    finally:
        ledger.close()


async def filled(repository: Repository) -> list[str]:
    """Thirty patients, an observation of the first, and a Group of the first two."""
    made = [Create("Patient", patient(), f"p{number}") for number in range(30)]
    made.append(Create("Observation", observation("Patient/p0"), "o"))
    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in (0, 1)]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
    made.append(Create("Group", encode(group), "g"))
    await repository.commit(made, OPEN)
    return sorted(["Group/g", "Observation/o", *(f"Patient/p{number}" for number in range(30))])


def keys_in(folder: Path) -> list[str]:
    lines = [json.loads(line) for file in folder.glob("[A-Z]*.ndjson") for line in file.read_bytes().splitlines()]
    return sorted(f"{one['resourceType']}/{one['id']}" for one in lines)


def names_in(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


async def test_the_store_is_exported_and_then_what_changed_since(repository: Repository, tmp_path: Path) -> None:
    stored = await filled(repository)
    service = runner_of(repository, JobSettings(str(tmp_path / "of-the-service")))
    service.start()
    first = await exported(repository, tmp_path / "all")
    await service.close()
    assert keys_in(tmp_path / "all") == stored
    assert first.counts == {"Patient": 30, "Observation": 1, "Group": 1}
    assert {"Patient.000.ndjson", "Patient.001.ndjson", "exports.ndjson"} < names_in(tmp_path / "all")
    assert names_in(tmp_path / "of-the-service") == set()  # its jobs are others
    await repository.commit([Delete("Patient", "p29"), Create("Patient", patient(), "new")], OPEN)
    second = await exported(repository, tmp_path / "all", Wanted(since=first.transaction_time))
    assert (keys_in(second.folder), second.deleted) == (["Patient/new"], 1)
    assert await repository.jobs.claim("anybody", 1.0, ("export",)) is None


async def test_a_group_is_exported_and_a_wrong_wish_refused(repository: Repository, tmp_path: Path) -> None:
    await filled(repository)
    done = await exported(repository, tmp_path / "group", Wanted(group="g", types=("Patient", "Observation")))
    assert done.counts == {"Patient": 2, "Observation": 1}
    assert (
        await exported(repository, tmp_path / "one", Wanted(filters=("Patient?_id=p7",), types=("Patient",)))
    ).counts == {"Patient": 1}
    named = await exported(repository, tmp_path / "named", Wanted(named=("p0", "p9")))
    assert named.counts == {"Patient": 2, "Observation": 1}
    with pytest.raises(FhirError, match="Patient/p9 is not among the patients"):
        await exported(repository, tmp_path / "others", Wanted(group="g", named=("p9",)))
    with pytest.raises(NotExported, match="already; name another folder"):
        await exported(repository, tmp_path / "group", Wanted(group="g"))


async def test_an_export_that_was_killed_goes_on_or_is_begun_anew(repository: Repository, tmp_path: Path) -> None:
    stored = await filled(repository)
    folder = tmp_path / "all"
    with pytest.raises(Killed):
        await exported(repository, folder, dies_after=1)
    assert not keys_in(folder)
    with pytest.raises(NotExported, match="unfinished export of"):
        await exported(repository, folder, Wanted(patients=True))
    await repository.commit([Create("Patient", patient(), "later")], OPEN)
    assert (await exported(repository, folder)).counts["Patient"] == 30  # as it was when it was begun
    assert keys_in(folder) == stored
    with pytest.raises(Killed):
        await exported(repository, tmp_path / "anew", dies_after=1)
    assert (await exported(repository, tmp_path / "anew", anew=True)).counts["Patient"] == 31
    assert names_in(tmp_path / "anew").isdisjoint({".making", "error"})
