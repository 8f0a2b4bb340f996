"""A patient with all that belongs to it, and nothing of anybody else."""

from __future__ import annotations

import pytest
import pytest_asyncio
from stored_resources import condition, observation, patient, text

from fhir_service.fhir.access import OPEN, Access, Grant
from fhir_service.fhir.errors import Gone, NotFound
from fhir_service.storage.repository import Create, Delete, Repository


def provenance(*targets: str, agent: str = "Device/tool") -> bytes:
    return text(
        {
            "resourceType": "Provenance",
            "target": [{"reference": target} for target in targets],
            "agent": [{"who": {"reference": agent}}],
            "entity": [{"role": "source", "what": {"reference": "DocumentReference/report"}}],
        }
    )


@pytest_asyncio.fixture
async def filled(repository: Repository) -> Repository:
    procedure = {"resourceType": "Procedure", "subject": {"reference": "Patient/p1"}, "status": "completed"}
    cement = [{"manipulated": {"reference": "Device/cement"}}]
    event = {"resourceType": "AdverseEvent", "subject": {"reference": "Patient/p1"}, "actuality": "actual"}
    causes = [{"instance": {"reference": "Device/others-pump"}}, {"instance": {"reference": "Procedure/others"}}]
    group = {"resourceType": "Group", "member": [{"entity": {"reference": f"Patient/{who}"}} for who in ("p1", "p2")]}
    await repository.commit(
        [
            Create("Patient", patient(), "p1"),
            Create("Patient", patient(link=[{"other": {"reference": "Patient/p1"}, "type": "seealso"}]), "p1b"),
            Create("Patient", patient(), "p2"),
            Create("Observation", observation("Patient/p1", derivedFrom=[{"reference": "Observation/p2s"}]), "o1"),
            Create("Observation", observation("Patient/p2"), "p2s"),
            Create("Observation", observation("Patient/p2", performer=[{"reference": "Patient/p1"}]), "told-by-p1"),
            Create("Condition", condition("Patient/p1"), "c1"),
            Create("Condition", condition("Patient/p1"), "deleted"),
            Create("Condition", condition("Patient/p2"), "c2"),
            Create("Procedure", text({**procedure, "focalDevice": cement}), "x1"),
            Create("AdverseEvent", text({**event, "suspectEntity": causes}), "e1"),
            Create("Group", text(group), "g1"),
            Create("Device", text({"resourceType": "Device"}), "cement"),
            Create("Device", text({"resourceType": "Device", "patient": {"reference": "Patient/p2"}}), "others-pump"),
            Create("Device", text({"resourceType": "Device"}), "tool"),
            Create("DocumentReference", text({"resourceType": "DocumentReference"}), "report"),
            Create("Provenance", provenance("Observation/o1"), "of-o1"),
            Create("Provenance", provenance("Patient/p1"), "of-p1"),
            Create("Provenance", provenance("Observation/p2s"), "of-p2s"),
        ],
        OPEN,
    )
    await repository.commit([Delete("Condition", "deleted")], OPEN)
    return repository


async def test_the_patient_comes_first_then_its_compartment_and_what_that_refers_to(filled: Repository) -> None:
    found = [f"{one.type}/{one.id}" for _, one in await filled.everything("p1", OPEN)]
    assert found[0] == "Patient/p1"
    assert sorted(found[1:]) == [
        "AdverseEvent/e1",
        "Condition/c1",
        "Device/cement",
        "Device/tool",
        "DocumentReference/report",
        "Observation/o1",
        "Observation/told-by-p1",
        "Patient/p1b",
        "Procedure/x1",
        "Provenance/of-o1",
        "Provenance/of-p1",
    ]


async def test_a_patient_alone_is_everything(filled: Repository) -> None:
    await filled.commit([Create("Patient", patient(), "alone")], OPEN)
    assert [one.id for _, one in await filled.everything("alone", OPEN)] == ["alone"]


async def test_unreadable_types_are_left_out(filled: Repository) -> None:
    access = Access((Grant("rs", "Patient"), Grant("rs", "Condition")))
    assert {one.type for _, one in await filled.everything("p1", access)} == {"Patient", "Condition"}
    with pytest.raises(NotFound):
        await filled.everything("p1", Access((Grant("rs", "Condition"),)))


async def test_nobodys_and_a_deleted_patients_everything_are_refused(filled: Repository) -> None:
    with pytest.raises(NotFound):
        await filled.everything("nobody", OPEN)
    await filled.commit([Delete("Patient", "p1")], OPEN)
    with pytest.raises(Gone):
        await filled.everything("p1", OPEN)


async def test_a_large_compartment_is_whole(repository: Repository) -> None:
    await repository.commit([Create("Patient", patient(), "p1")], OPEN)
    await repository.commit([Create("Observation", observation("Patient/p1"), f"o{n}") for n in range(1200)], OPEN)
    about = [Create("Provenance", provenance(f"Observation/o{n}")) for n in range(0, 1200, 2)]
    await repository.commit(about, OPEN)
    found = await repository.everything("p1", OPEN)
    assert len(found) == 1 + 1200 + 600
    keys = [placed.key for placed in found]
    assert keys[1:] == sorted(set(keys[1:]))
