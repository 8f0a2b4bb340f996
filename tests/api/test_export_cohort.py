"""Groups by criteria: made, found, refused, exported (Bulk Data Access 3.0.0, bulk-cohort-group)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_client import BASE, Client, issues, observation, patient
from bulk_client import ASYNC, bulk_client, exported, finished, keys_of, manifest_of, on_sqlite, put
from smart_client import JWKS, secured, token

from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Repository

PROFILE = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/bulk-cohort-group"
FILTER = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter"
GENDERS = ("female", "female", "male")
REFRESHED = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/members-refreshed"


@pytest_asyncio.fixture
async def bulk(repository: Repository, tmp_path: Path) -> AsyncIterator[Client]:
    async with bulk_client(repository, tmp_path / "exports") as client:
        yield client


def cohort(*filters: str, **changes: Any) -> dict[str, Any]:
    """`member=None` and the like leave an element out."""
    said = [
        {"url": FILTER, "valueExpression": {"language": "application/x-fhir-query", "expression": one}}
        for one in filters
    ]
    made = {
        "resourceType": "Group",
        "meta": {"profile": [PROFILE]},
        "modifierExtension": said,
        "type": "person",
        "actual": False,
        "name": "Women with cement leakage",
    }
    return {name: value for name, value in (made | changes).items() if value is not None}


async def made(client: Client, group: dict[str, Any], **headers: str) -> str:
    answered = await client.post("/fhir/Group", json=group, headers=headers)
    assert answered.status_code == 201, answered.text
    return str(answered.json()["id"])


async def some_patients(client: Client) -> None:
    """`a` and `b` are women, `a` and `c` have a cement volume, `a` of 4."""
    await put(
        client, patient(id="a", gender="female"), patient(id="b", gender="female"), patient(id="c", gender="male")
    )
    await put(
        client, observation("a", id="volume-a", valueQuantity={"value": 4}), observation("b", "other", id="other-b")
    )
    await put(client, observation("c", id="volume-c", valueQuantity={"value": 9}))
    await put(client, observation(id="performed", performer=[{"reference": "Patient/b"}], valueQuantity={"value": 4}))


@pytest.mark.rule("BULK-GRP-3", "BULK-GRP-7")
async def test_a_group_by_criteria_is_made_read_found_by_name_exported_and_deleted(bulk: Client) -> None:
    await some_patients(bulk)
    name = await made(bulk, cohort("Patient?gender=female", "Observation?code=cement-volume&value-quantity=lt5"))
    read = (await bulk.get(f"/fhir/Group/{name}")).json()
    assert "member" not in read
    found = (await bulk.get("/fhir/Group?name=women with")).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [name]
    keys = await keys_of(bulk, await exported(bulk, f"Group/{name}/$export"))
    expected = ["Observation/other-b", "Observation/performed", "Observation/volume-a", "Patient/a", "Patient/b"]
    assert keys == expected  # performed is in the compartment of b
    await put(bulk, patient(id="b", gender="other"), patient(id="c", gender="female"))
    keys = await keys_of(bulk, await exported(bulk, f"Group/{name}/$export?_type=Patient"))
    assert keys == ["Patient/a"]  # computed when it is exported
    assert (await bulk.delete(f"/fhir/Group/{name}")).status_code in (200, 204)
    assert (await bulk.get(f"/fhir/Group/{name}/$export", headers=ASYNC)).status_code == 410


@pytest.mark.rule("BULK-GRP-5")
async def test_all_parameters_of_a_filter_are_about_one_resource(bulk: Client) -> None:
    await some_patients(bulk)
    await put(bulk, observation("c", "other", id="small-c", valueQuantity={"value": 1}))
    one = await made(bulk, cohort("Observation?code=cement-volume&value-quantity=lt5"))
    both = await made(bulk, cohort("Observation?code=cement-volume", "Observation?value-quantity=lt5"))
    assert await keys_of(bulk, await exported(bulk, f"Group/{one}/$export?_type=Patient")) == ["Patient/a", "Patient/b"]
    found = await keys_of(bulk, await exported(bulk, f"Group/{both}/$export?_type=Patient"))
    assert found == ["Patient/a", "Patient/b", "Patient/c"]


@on_sqlite
async def test_filters_narrow_the_members_that_are_listed(bulk: Client) -> None:
    await some_patients(bulk)
    listed = [{"entity": {"reference": f"Patient/{one}"}} for one in "bc"]
    await put(bulk, {"resourceType": "Group", "id": "list", "type": "person", "actual": True, "member": listed})
    member = [{"entity": {"reference": "Group/list"}}, {"entity": {"reference": f"{BASE}/Patient/a"}}]
    name = await made(bulk, cohort("Observation?code=cement-volume", actual=True, member=member))
    keys = await keys_of(bulk, await exported(bulk, f"Group/{name}/$export?_type=Patient"))
    assert keys == ["Patient/a", "Patient/b", "Patient/c"]
    name = await made(bulk, cohort("Patient?gender=male", actual=True, member=member))
    assert await keys_of(bulk, await exported(bulk, f"Group/{name}/$export?_type=Patient")) == ["Patient/c"]
    for asked, status in (("c", 202), ("a", 400)):
        reference = {"name": "patient", "valueReference": {"reference": f"Patient/{asked}"}}
        body = {"resourceType": "Parameters", "parameter": [reference]}
        begun = await bulk.post(f"/fhir/Group/{name}/$export", json=body, headers=ASYNC)
        assert begun.status_code == status, begun.text
        if status == 202:
            done = await manifest_of(bulk, begun.headers["content-location"])
            assert await keys_of(bulk, done) == ["Observation/volume-c", "Patient/c"]


def in_other_words(language: str) -> dict[str, Any]:
    expression = {"language": language, "expression": "Patient?gender=male"}
    return cohort(modifierExtension=[{"url": FILTER, "valueExpression": expression}])


MEMBER = [{"entity": {"reference": "Patient/a"}}]
REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    (cohort("Observation?nonsense=x"), "Group.modifierExtension[0].value.expression"),
    (cohort("Patient?gender=male", "Observation?code=x&_sort=date"), "Group.modifierExtension[1].value.expression"),
    (cohort("ValueSet?url=x"), "Group.modifierExtension[0].value.expression"),
    (cohort("gender=male"), "Group.modifierExtension[0].value.expression"),
    (cohort("Patient?"), "Group.modifierExtension[0].value.expression"),
    (in_other_words("text/cql"), "Group.modifierExtension[0].value.language"),
    (cohort("Patient?gender=male", name=None), "Group.name"),
    (cohort("Patient?gender=male", type="practitioner"), "Group.type"),
    (cohort("Patient?gender=male", actual=True), "Group.actual"),
    (cohort("Patient?gender=male", member=MEMBER), "Group.actual"),
    (cohort(modifierExtension=None), "Group.modifierExtension"),
    (
        cohort("Patient?gender=male", actual=True, member=[{"entity": {"reference": "Device/d"}}]),
        "Group.member[0].entity",
    ),
    (
        cohort("Patient?gender=male", extension=[{"url": REFRESHED, "valueDateTime": "2026-01-01"}]),
        f"Group.extension.where(url = '{REFRESHED}')",
    ),
    (
        cohort(
            "Patient?gender=male",
            characteristic=[{"code": {"text": "x"}, "valueBoolean": True, "exclude": False}],
        ),
        "Group.characteristic",
    ),
)


@pytest.mark.rule("BULK-GRP-4", "BULK-GRP-5", "BULK-GRP-6")
async def test_a_group_by_criteria_that_breaks_its_profile_is_refused(idle_client: Client) -> None:
    for group, place in REFUSED:
        refused = await idle_client.post("/fhir/Group", json=group)
        assert refused.status_code == 422, group
        assert place in [one for issue in issues(refused) for one in issue.get("expression", [])], refused.text


@on_sqlite
async def test_a_cohort_has_those_whom_the_client_may_find(repository: Repository, tmp_path: Path) -> None:
    scope = "system/Patient.rs?gender=female system/Observation.rs system/Group.cruds"
    least = "system/Patient.rs system/Group.r"
    for name, granted in (("writer", "system/*.cruds"), ("narrow", scope), ("blind", least)):
        await repository.clients.add(Registered(name, "", granted, jwks=json.dumps(JWKS)))
    more = {"run_jobs": True, "export_files": str(tmp_path), "export_polls": 1e6, "audit": "off"}
    async with secured(repository, **more) as client:
        client.headers.update(await token(client, "writer", "system/*.cruds"))
        await some_patients(client)
        group = await made(client, cohort("Observation?code=cement-volume"))
        narrow = await token(client, "narrow", scope)
        begun = await client.get(f"/fhir/Group/{group}/$export?_type=Patient", headers=ASYNC | narrow)
        done = (await finished(client, begun.headers["content-location"], **narrow)).json()
        client.headers.update(narrow)
        assert await keys_of(client, done) == ["Patient/a", "Patient/b"]
        blind = await token(client, "blind", least)
        refused = await client.get(f"/fhir/Group/{group}/$export", headers=ASYNC | blind)
        assert refused.status_code == 403
        await client._transport.app.state.service.end_jobs()  # type: ignore[attr-defined]  # the ASGI transport's
