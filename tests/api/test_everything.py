"""Patient/[id]/$everything; each test names the rule of the R4 REST rules it proves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from api_client import BASE, Client, issues, observation, patient


async def told(client: Client) -> None:
    """A patient with a case, and another one."""
    someone = {"reference": "Patient/p"}
    bodies = [
        patient(id="p"),
        patient(id="q"),
        observation("p", id="o"),
        observation("q", id="other"),
        {
            "resourceType": "Procedure",
            "id": "v",
            "status": "completed",
            "subject": someone,
            "usedReference": [{"reference": "Device/d"}],
        },
        {"resourceType": "Device", "id": "d"},
        {"resourceType": "Device", "id": "unused"},
        {
            "resourceType": "Provenance",
            "id": "s",
            "target": [{"reference": "Observation/o"}],
            "recorded": "2026-01-31T12:00:00Z",
            "agent": [{"who": {"reference": "Device/x"}}],
        },
        {"resourceType": "Device", "id": "x"},
    ]
    for body in bodies:
        answer = await client.put(f"/fhir/{body['resourceType']}/{body['id']}", json=body)
        assert answer.status_code == 201, answer.text


@pytest.mark.rule("EVT-1")
@pytest.mark.rule("EVT-1", "EVT-3")
async def test_evt_1_everything_is_the_patient_the_compartment_and_what_those_refer_to(client: Client) -> None:
    await told(client)
    answer = await client.get("/fhir/Patient/p/$everything")
    assert answer.status_code == 200
    bundle = answer.json()
    found = [entry["fullUrl"].removeprefix(f"{BASE}/") for entry in bundle["entry"]]
    assert found[0] == "Patient/p"
    assert set(found) == {"Patient/p", "Observation/o", "Procedure/v", "Device/d", "Provenance/s", "Device/x"}
    assert (bundle["type"], bundle["total"]) == ("searchset", len(found))


@pytest.mark.rule("EVT-2")
async def test_evt_2_type_limits_it(client: Client) -> None:
    await told(client)
    answer = await client.get("/fhir/Patient/p/$everything?_type=Observation,Device&_format=json")
    kinds = [entry["resource"]["resourceType"] for entry in answer.json()["entry"]]
    assert set(kinds) == {"Observation", "Device"}


@pytest.mark.rule("EVT-1")
@pytest.mark.rule("EVT-1")
async def test_evt_1_a_patient_that_is_not_there_is_404_and_a_deleted_one_410(client: Client) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p"))
    await client.delete("/fhir/Patient/p")
    assert (await client.get("/fhir/Patient/p/$everything")).status_code == 410
    missing = await client.get("/fhir/Patient/nobody/$everything")
    assert missing.status_code == 404
    assert issues(missing)


@pytest.mark.rule("EVT-2")
@pytest.mark.parametrize(
    "query",
    [
        *("start=soon", "end=2026-13-01", "_since=now", "_count=0", "_count=many", "_type=Nonsense", "x=1"),
        *("_cursor=x", "_cursor=WzEsMCwtOV0", "_count=5&_count=6"),
    ],
)
async def test_evt_2_a_parameter_that_cannot_be_read_is_refused_and_not_passed_over(client: Client, query: str) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p"))
    for path in ("Patient/p", "Patient"):
        answer = await client.get(f"/fhir/{path}/$everything?{query}")
        assert answer.status_code == 400
        assert issues(answer)[0]["expression"] == [f"http.{query.partition('=')[0]}"]


def named(bundle: dict[str, Any]) -> list[str]:
    return [entry["fullUrl"].removeprefix(f"{BASE}/") for entry in bundle.get("entry", ())]


async def found(client: Client, path: str) -> list[str]:
    answer = await client.get(f"/fhir/{path}")
    assert answer.status_code == 200, answer.text
    return named(answer.json())


async def pages(client: Client, path: str) -> AsyncIterator[dict[str, Any]]:
    url = f"/fhir/{path}"
    while url:
        answer = await client.get(url)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        url = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), "")


@pytest.mark.rule("EVT-2")
async def test_evt_2_start_and_end_are_dates_of_care_and_what_has_none_stays(client: Client) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p", birthDate="1950-01-01"))
    someone = {"subject": {"reference": "Patient/p"}}
    stay = {"effectivePeriod": {"start": "2020-05-01", "end": "2020-07-01"}}
    bodies = [
        observation("p", id="in-may", effectiveDateTime="2020-05-10"),
        observation("p", id="in-june", effectiveDateTime="2020-06-30T23:00:00Z"),
        observation("p", id="may-to-july", **stay),
        observation("p", id="undated"),
        {"resourceType": "Condition", "id": "onset-in-may", "onsetDateTime": "2020-05", **someone},
        {"resourceType": "Condition", "id": "written-in-june", "recordedDate": "2020-06-02", **someone},
    ]
    for body in bodies:
        assert (await client.put(f"/fhir/{body['resourceType']}/{body['id']}", json=body)).status_code == 201
    undated = {"Patient/p", "Observation/undated"}
    in_may = {"Observation/in-may", "Observation/may-to-july", "Condition/onset-in-may"}
    in_june = {"Observation/in-june", "Observation/may-to-july", "Condition/written-in-june"}
    base = "Patient/p/$everything"
    assert set(await found(client, f"{base}?start=2020-06-01")) == undated | in_june
    assert set(await found(client, f"{base}?end=2020-05-31")) == undated | in_may
    assert set(await found(client, f"{base}?start=2020-06-01&end=2020-06-30")) == undated | in_june
    assert set(await found(client, f"{base}?start=2021&end=2022")) == undated


@pytest.mark.rule("EVT-2")
async def test_evt_2_since_is_the_time_of_the_record(client: Client) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p"))
    await client.put("/fhir/Observation/o", json=observation("p", id="o", effectiveDateTime="1999-01-01"))
    written = (await client.get("/fhir/Observation/o")).json()["meta"]["lastUpdated"]
    first = (await client.get("/fhir/Patient/p")).json()["meta"]["lastUpdated"]
    assert "Observation/o" in await found(client, f"Patient/p/$everything?_since={written}")
    assert set(await found(client, f"Patient/p/$everything?_since={first}")) == {"Patient/p", "Observation/o"}
    assert await found(client, "Patient/p/$everything?_since=2999-01-01T00:00:00%2B02:00") == []


@pytest.mark.rule("EVT-1", "EVT-2")
async def test_evt_2_pages_are_the_whole_in_parts_while_others_write(client: Client) -> None:
    await told(client)
    whole = await found(client, "Patient/p/$everything")
    seen: list[str] = []
    async for page in pages(client, "Patient/p/$everything?_count=2"):
        assert len(page["entry"]) <= 2
        seen += named(page)
        late = observation("p", id=f"late-{len(seen)}")
        if len(seen) < 5:
            assert (await client.put(f"/fhir/Observation/{late['id']}", json=late)).status_code == 201
            await client.put("/fhir/Observation/o", json=observation("p", id="o", note=[{"text": str(len(seen))}]))
    assert [one for one in seen if "late" not in one] == whole
    assert len(seen) == len(set(seen))
    only = [page async for page in pages(client, "Patient/p/$everything?_count=1&_type=Device")]
    assert [named(page) for page in only] == [["Device/d"], ["Device/x"]]
    assert {page["total"] for page in only} == {2}
    assert "_type=Device" in only[0]["link"][1]["url"]


@pytest.mark.rule("EVT-1")
async def test_evt_1_without_a_patient_it_is_everything_of_all_patients(client: Client) -> None:
    await told(client)
    answer = (await client.get("/fhir/Patient/$everything")).json()
    whole = await found(client, "Patient/p/$everything")
    other = await found(client, "Patient/q/$everything")
    assert named(answer) == [*whole, *(one for one in other if one not in whole)]
    assert answer["total"] == len(named(answer))
    for count in (1, 2, 5):
        seen = [one async for page in pages(client, f"Patient/$everything?_count={count}") for one in named(page)]
        assert seen == named(answer)
    assert await found(client, "Patient/$everything?_type=Observation") == ["Observation/o", "Observation/other"]


@pytest.mark.rule("EVT-1")
async def test_evt_1_pages_of_all_patients_go_on_where_a_patient_was_deleted(client: Client) -> None:
    await told(client)
    first = (await client.get("/fhir/Patient/$everything?_count=1")).json()
    await client.delete("/fhir/Patient/p")
    link = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert named((await client.get(link)).json()) == ["Patient/q"]


@pytest.mark.rule("EVT-2", "OPS-1")
async def test_evt_2_a_post_of_parameters_asks_the_same(client: Client) -> None:
    await told(client)
    asked = [{"name": "_type", "valueCode": "Device"}, {"name": "_count", "valueInteger": 1}]
    body = {"resourceType": "Parameters", "parameter": asked}
    for path in ("Patient/p/$everything", "Patient/$everything"):
        answer = await client.post(f"/fhir/{path}", json=body)
        assert named(answer.json()) == ["Device/d"]
        following = next(link["url"] for link in answer.json()["link"] if link["relation"] == "next")
        assert named((await client.get(following)).json()) == ["Device/x"]


@pytest.mark.rule("EVT-3")
async def test_evt_3_a_resource_is_a_patients_by_each_of_its_parameters(client: Client) -> None:
    me, other = {"reference": "Patient/p"}, {"reference": "Patient/q"}
    agent = [{"who": {"display": "someone"}}]
    bodies = [
        patient(id="p"),
        patient(id="q"),
        patient(id="linked", link=[{"other": me, "type": "seealso"}]),
        {"resourceType": "AdverseEvent", "id": "by-subject", "actuality": "actual", "subject": me},
        {"resourceType": "Condition", "id": "by-patient", "subject": me},
        {"resourceType": "Condition", "id": "by-asserter", "subject": other, "asserter": me},
        {"resourceType": "DocumentReference", "id": "by-author", "status": "current", "content": [], "author": [me]},
        observation("q", id="by-performer", performer=[me]),
        {"resourceType": "Procedure", "id": "by-performer", "status": "completed", "subject": other},
        {"resourceType": "Provenance", "id": "by-target", "target": [me], "recorded": "2026-01-31", "agent": agent},
        {"resourceType": "Device", "id": "no-part", "patient": me},
    ]
    bodies[6]["content"] = [{"attachment": {"url": "urn:x"}}]
    bodies[8]["performer"] = [{"actor": me}]
    bodies[9]["recorded"] = "2026-01-31T12:00:00Z"
    for body in bodies:
        answer = await client.put(f"/fhir/{body['resourceType']}/{body['id']}", json=body)
        assert answer.status_code == 201, answer.text
    whole = {f"{body['resourceType']}/{body['id']}" for body in bodies}
    assert set(await found(client, "Patient/p/$everything")) == whole - {"Patient/q", "Device/no-part"}
