"""Create, read, update and delete, and the versions they leave."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from stored_resources import content, observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import (
    EditConflict,
    Gone,
    InvalidParameter,
    MalformedContent,
    NotFound,
    PreconditionFailed,
)
from fhir_service.storage.repository import Create, Delete, Outcome, Repository, Update


async def create(repository: Repository, text: bytes = patient(), resource_id: str | None = None) -> Outcome:
    (outcome,) = await repository.commit([Create("Patient", text, resource_id)], OPEN)
    return outcome


async def test_a_created_resource_is_read_with_id_version_and_time(repository: Repository) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    outcome = await create(repository, patient(gender="female"))
    stored = await repository.read("Patient", outcome.id, OPEN)
    assert (outcome.action, outcome.version) == ("created", 1)
    assert (stored.type, stored.id, stored.version, stored.deleted) == ("Patient", outcome.id, 1, False)
    assert stored.last_updated == outcome.last_updated >= before
    assert content(stored.text) == {"resourceType": "Patient", "gender": "female"}
    assert f'"id":"{outcome.id}","meta":{{"versionId":"1"'.encode() in stored.text


async def test_every_create_gets_an_id_of_its_own(repository: Repository) -> None:
    outcomes = await repository.commit([Create("Patient", patient(id="sent"))] * 3, OPEN)
    assert len({outcome.id for outcome in outcomes} | {"sent"}) == 4


async def test_what_never_was_is_not_found(repository: Repository) -> None:
    with pytest.raises(NotFound, match="no Patient/nobody"):
        await repository.read("Patient", "nobody", OPEN)
    with pytest.raises(NotFound):
        await repository.read("Patient", "no\x00body", OPEN)


async def test_an_update_makes_a_version_and_keeps_the_one_before(repository: Repository) -> None:
    first = await create(repository, patient(gender="male"))
    (second,) = await repository.commit([Update("Patient", first.id, patient(gender="female"))], OPEN)
    assert (second.action, second.version) == ("updated", 2)
    assert content((await repository.read("Patient", first.id, OPEN)).text)["gender"] == "female"
    old = await repository.vread("Patient", first.id, 1, OPEN)
    assert content(old.text)["gender"] == "male"
    assert old.last_updated == first.last_updated


async def test_a_version_that_never_was_is_not_found(repository: Repository) -> None:
    first = await create(repository)
    with pytest.raises(NotFound, match="in version 2"):
        await repository.vread("Patient", first.id, 2, OPEN)


async def test_an_update_of_an_unknown_id_creates_it(repository: Repository) -> None:
    (outcome,) = await repository.commit([Update("Patient", "chosen", patient())], OPEN)
    assert outcome == Outcome("Patient", "chosen", 1, outcome.last_updated, "created")


async def test_a_deleted_resource_is_gone_and_its_versions_stay(repository: Repository) -> None:
    first = await create(repository)
    (deletion,) = await repository.commit([Delete("Patient", first.id)], OPEN)
    assert (deletion.action, deletion.version) == ("deleted", 2)
    with pytest.raises(Gone):
        await repository.read("Patient", first.id, OPEN)
    with pytest.raises(Gone):
        await repository.vread("Patient", first.id, 2, OPEN)
    assert (await repository.vread("Patient", first.id, 1, OPEN)).text


async def test_to_delete_what_is_not_there_changes_nothing(repository: Repository) -> None:
    first = await create(repository)
    await repository.commit([Delete("Patient", first.id)], OPEN)
    (again,) = await repository.commit([Delete("Patient", first.id)], OPEN)
    (never,) = await repository.commit([Delete("Patient", "nobody")], OPEN)
    assert (again.action, again.version) == ("unchanged", 2)
    assert (never.action, never.version) == ("unchanged", 0)


async def test_an_update_brings_a_deleted_resource_back_as_a_new_version(repository: Repository) -> None:
    first = await create(repository)
    await repository.commit([Delete("Patient", first.id)], OPEN)
    (back,) = await repository.commit([Update("Patient", first.id, patient(gender="other"))], OPEN)
    assert (back.action, back.version) == ("created", 3)
    assert (await repository.read("Patient", first.id, OPEN)).version == 3


async def test_a_create_of_an_id_that_exists_is_a_conflict(repository: Repository) -> None:
    await create(repository, resource_id="taken")
    with pytest.raises(EditConflict, match="Patient/taken exists already"):
        await create(repository, resource_id="taken")


async def test_an_update_matches_the_current_version_or_fails(repository: Repository) -> None:
    first = await create(repository)
    await repository.commit([Update("Patient", first.id, patient(gender="male"), if_match=1)], OPEN)
    with pytest.raises(PreconditionFailed, match=r"current version of .* is 2, not 1"):
        await repository.commit([Update("Patient", first.id, patient(gender="other"), if_match=1)], OPEN)
    with pytest.raises(PreconditionFailed):
        await repository.commit([Delete("Patient", first.id, if_match=1)], OPEN)
    with pytest.raises(PreconditionFailed, match="no current version"):
        await repository.commit([Update("Patient", "nobody", patient(), if_match=1)], OPEN)
    assert (await repository.read("Patient", first.id, OPEN)).version == 2


async def test_equal_content_makes_a_version_unless_one_asks_for_changes_only(repository: Repository) -> None:
    first = await create(repository, b'{"resourceType": "Patient", "gender": "male", "x": 1.00}')
    same = b'{"resourceType":"Patient","gender":"male",\n "x":1.00}'
    (kept,) = await repository.commit([Update("Patient", first.id, same, if_changed=True)], OPEN)
    assert (kept.action, kept.version, kept.last_updated) == ("unchanged", 1, first.last_updated)
    other = b'{"resourceType":"Patient","gender":"male","x":1.0}'
    (changed,) = await repository.commit([Update("Patient", first.id, other, if_changed=True)], OPEN)
    assert (changed.action, changed.version) == ("updated", 2)
    (plain,) = await repository.commit([Update("Patient", first.id, other)], OPEN)
    assert (plain.action, plain.version) == ("updated", 3)


async def test_what_was_read_and_sent_back_is_unchanged(repository: Repository) -> None:
    first = await create(repository, patient(meta={"tag": [{"code": "a"}], "versionId": "7"}, id="sent"))
    read = await repository.read("Patient", first.id, OPEN)
    (outcome,) = await repository.commit([Update("Patient", first.id, read.text, if_changed=True)], OPEN)
    assert outcome.action == "unchanged"


async def test_times_never_go_back_from_one_commit_to_the_next(repository: Repository) -> None:
    times = [(await create(repository)).last_updated for _ in range(20)]
    assert times == sorted(times)


async def test_a_resource_of_another_type_or_an_impossible_id_is_refused(repository: Repository) -> None:
    with pytest.raises(MalformedContent, match="is a Patient, not a Group"):
        await repository.commit([Create("Group", patient())], OPEN)
    with pytest.raises(InvalidParameter, match="is no id"):
        await repository.commit([Update("Patient", "not/an/id", patient())], OPEN)


async def test_a_resource_that_moves_to_another_patient_keeps_its_history(repository: Repository) -> None:
    (first,) = await repository.commit([Create("Observation", observation("Patient/a"))], OPEN)
    await repository.commit([Update("Observation", first.id, observation("Patient/b"))], OPEN)
    await repository.commit([Update("Observation", first.id, observation("Patient/c"))], OPEN)
    assert b"Patient/c" in (await repository.read("Observation", first.id, OPEN)).text
    assert b"Patient/a" in (await repository.vread("Observation", first.id, 1, OPEN)).text
    assert b"Patient/b" in (await repository.vread("Observation", first.id, 2, OPEN)).text
