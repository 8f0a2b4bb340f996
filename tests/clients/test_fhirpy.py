"""fhirpy from PyPI, as its README uses it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

SYSTEM = "urn:example:fhirpy"


@pytest.fixture(params=("on_sqlite", "on_postgresql"))
def base(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def client(base: str) -> SyncFHIRClient:
    return SyncFHIRClient(base)


@pytest.fixture
def tag() -> str:
    """An identifier that no other case uses; the service is shared."""
    return uuid4().hex


def identified(tag: str) -> list[dict[str, str]]:
    return [{"system": SYSTEM, "value": tag}]


def stored_patients(client: SyncFHIRClient, tag: str, count: int = 1) -> list[Any]:
    names = [f"Fhirpy-{number:02}" for number in range(count)]
    return [
        client.resource("Patient", identifier=identified(tag), name=[{"family": name}], active=False).save()
        for name in names
    ]


def test_a_resource_is_created_read_updated_and_deleted(client: SyncFHIRClient, tag: str) -> None:
    (made,) = stored_patients(client, tag)
    assert made.id
    read = client.reference("Patient", made.id).to_resource()
    assert read.serialize() == made.serialize()
    read["birthDate"] = "1950-05-01"
    read.save()
    assert read["meta"]["versionId"] == "2"
    assert client.get("Patient", made.id)["birthDate"] == "1950-05-01"
    read.delete()
    with pytest.raises(ResourceNotFound):
        client.reference("Patient", made.id).to_resource()


@pytest.mark.rule("PAT-2")
def test_save_of_some_fields_and_patch_are_merged(client: SyncFHIRClient, tag: str) -> None:
    (made,) = stored_patients(client, tag)
    made.active = True
    made.save(fields=["active"])
    assert client.get("Patient", made.id)["active"] is True
    made.patch(gender="female", birthDate="1950")
    read = client.get("Patient", made.id)
    assert (read["gender"], read["birthDate"], read["active"]) == ("female", "1950", True)
    client.patch("Patient", made.id, gender=None)
    assert "gender" not in client.get("Patient", made.id)
    assert client.get("Patient", made.id)["meta"]["versionId"] == "4"


def test_refresh_sees_what_others_changed_and_that_nothing_was(client: SyncFHIRClient, tag: str) -> None:
    (made,) = stored_patients(client, tag)
    before = made.serialize()
    assert made.refresh().serialize() == before
    client.patch("Patient", made.id, gender="male")
    assert made.refresh()["gender"] == "male"


def test_all_pages_are_fetched_in_order(client: SyncFHIRClient, tag: str) -> None:
    made = stored_patients(client, tag, 7)
    found = client.resources("Patient").search(identifier=f"{SYSTEM}|{tag}").limit(3)
    assert [patient.id for patient in found.sort("family").fetch_all()] == [patient.id for patient in made]
    assert [patient.id for patient in found.sort("-family").fetch_all()] == [patient.id for patient in reversed(made)]
    assert len(found.fetch()) == 3
    assert found.count() == 7
    assert {patient.id for patient in found} == {patient.id for patient in made}


def test_the_searches_of_its_readme(client: SyncFHIRClient, tag: str) -> None:
    (one,) = stored_patients(client, tag)
    one.patch(birthDate="1950-05-01", gender="female", address=[{"state": "TX"}])
    mine = client.resources("Patient").search(identifier=tag)
    assert len(mine.search(birthdate__gt="1944", birthdate__lt="1964").fetch()) == 1
    assert mine.search(birthdate__gt="1964").fetch() == []
    assert len(mine.search(name__contains="hirpy").fetch()) == 1
    assert len(mine.search(name="Eva,fhirpy").fetch()) == 1
    assert len(mine.search(family__exact="Fhirpy-00").fetch()) == 1
    assert mine.search(family__exact="fhirpy-00").fetch() == []
    assert len(mine.search(address_state="TX").fetch()) == 1
    assert len(mine.search(active=False, _id=one.id).fetch()) == 1
    assert mine.search(gender__not=["male", "female"]).fetch() == []
    assert mine.get().id == one.id
    (part,) = mine.elements("gender").fetch()
    assert part["gender"] == "female"
    assert "birthDate" not in part


def test_chains_and_includes(client: SyncFHIRClient, tag: str) -> None:
    (patient,) = stored_patients(client, tag)
    condition = client.resource("Condition", subject=patient.to_reference(), code={"text": "Cement leakage"}).save()
    conditions = client.resources("Condition")
    assert conditions.search(patient__Patient__identifier=tag).get().id == condition.id
    assert conditions.search(subject=patient, code__text="cement").get().id == condition.id
    included = conditions.search(patient=patient).include("Condition", "subject").fetch_raw()
    assert {entry.resource.id for entry in included.entry} == {patient.id, condition.id}
    reverse = client.resources("Patient").search(_id=patient.id).revinclude("Condition", "subject").fetch_raw()
    assert {entry.resource.id for entry in reverse.entry} == {patient.id, condition.id}
    assert client.resources("Patient").has("Condition", "subject", code__text="cement").search(
        identifier=tag
    ).get().id == (patient.id)


def test_conditional_create_update_patch_and_delete(client: SyncFHIRClient, tag: str) -> None:
    mine = client.resources("Patient").search(identifier=tag)
    first, created = mine.get_or_create(client.resource("Patient", identifier=identified(tag)))
    assert created
    again, created = mine.get_or_create(client.resource("Patient", identifier=identified(tag)))
    assert (again.id, created) == (first.id, False)
    updated, created = mine.update(client.resource("Patient", identifier=identified(tag), gender="male"))
    assert (updated.id, updated["gender"], created) == (first.id, "male", False)
    assert mine.patch(gender="female")["gender"] == "female"
    _, status = mine.delete()
    assert status in (200, 204)
    assert mine.count() == 0
    with pytest.raises(ResourceNotFound):
        mine.patch(gender="male")
    stored_patients(client, tag, 2)
    with pytest.raises(MultipleResourcesFound):
        mine.get_or_create(client.resource("Patient", identifier=identified(tag)))
    assert mine.count() == 2


def test_a_transaction_bundle_is_saved(client: SyncFHIRClient, tag: str) -> None:
    entries = [
        {
            "fullUrl": "urn:uuid:0c0ee1f0-7f0c-4b0c-9d67-0c8bb1f5c001",
            "request": {"method": "POST", "url": "Patient"},
            "resource": {"resourceType": "Patient", "identifier": identified(tag)},
        },
        {
            "request": {"method": "POST", "url": "Condition"},
            "resource": {
                "resourceType": "Condition",
                "subject": {"reference": "urn:uuid:0c0ee1f0-7f0c-4b0c-9d67-0c8bb1f5c001"},
            },
        },
    ]
    answer = client.resource("Bundle", type="transaction", entry=entries).save()
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
    patient = client.resources("Patient").search(identifier=tag).get()
    (condition,) = client.resources("Condition").search(patient=patient).fetch()
    assert condition["subject"]["reference"] == f"Patient/{patient.id}"


def test_operations_and_validation(client: SyncFHIRClient, tag: str) -> None:
    (patient,) = stored_patients(client, tag)
    assert patient.is_valid()
    assert not client.resource("Patient", birthDate="yesterday").is_valid()
    everything = patient.execute("$everything", method="get")
    assert [entry["resource"]["id"] for entry in everything["entry"]] == [patient.id]


def test_what_is_wrong_is_told_as_its_own_errors(client: SyncFHIRClient, tag: str) -> None:
    with pytest.raises(OperationOutcome) as invalid:
        client.resource("Patient", birthDate="yesterday").save()
    assert invalid.value.resource["issue"][0]["expression"] == ["Patient.birthDate"]
    with pytest.raises(OperationOutcome) as malformed:
        client.resources("Patient").search(birthdate="yesterday").fetch()
    assert malformed.value.resource["issue"][0]["expression"] == ["http.birthdate"]


async def test_the_asynchronous_client_does_the_same(base: str, tag: str) -> None:
    client = AsyncFHIRClient(base)
    for number in range(5):
        name = [{"family": f"Async-{number}"}]
        await client.resource("Patient", identifier=identified(tag), name=name).save()
    mine = client.resources("Patient").search(identifier=tag).sort("family").limit(2)
    names = [patient["name"][0]["family"] async for patient in mine]
    assert names == [f"Async-{number}" for number in range(5)]
    first = await mine.first()
    await first.patch(active=True)
    assert (await client.get("Patient", first.id))["active"] is True
    await first.delete()
    assert await mine.count() == 4


def test_definitions_of_the_service_are_read_searched_and_run(client: SyncFHIRClient, tag: str) -> None:
    read = client.reference("StructureMap", "case-report").to_resource()
    found = client.resources("StructureMap").search(url=read["url"]).get()
    assert found.serialize() == read.serialize()
    bundle = read.execute("$transform", data={"source": {"id": "d", "contentType": "text/plain"}})
    assert bundle["resourceType"] == "Bundle"
    maps = client.resources("ConceptMap").search(source_code="cement-leakage-intradural").fetch_all()
    assert {"complication-to-snomed", "complication-to-icd-10-cm"} <= {one["id"] for one in maps}
    group = {"source": tag, "element": [{"code": "x", "target": [{"code": "y", "equivalence": "equal"}]}]}
    made = client.resource("ConceptMap", url=f"urn:uuid:{uuid4()}", status="draft", group=[group]).save()
    told = made.execute("$translate", "GET", params={"system": tag, "code": "x"})
    assert told["parameter"][0] == {"name": "result", "valueBoolean": True}
