"""Conditions, patches and searches in transactions and batches; each test names the R4 REST rule it proves."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from api_client import BASE, Client, issues, observation, patient
from bundle_client import Entry, count, done, get, post, write

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450f{}"
KNOWN = "identifier=urn:test|{}"


def known(name: str, **more: Any) -> dict[str, Any]:
    return patient(identifier=[{"system": "urn:test", "value": name}], **more)


def about(reference: str, **more: Any) -> dict[str, Any]:
    return observation(**more) | {"subject": {"reference": reference}}


def fhirpath_patch(**value: Any) -> dict[str, Any]:
    (name,) = value
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": name},
        {"name": "value", **value[name]},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def json_patch(*operations: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}


async def subject(client: Client, entry: Entry) -> str:
    body = (await client.get(entry["response"]["location"])).json()
    return str(body["subject"]["reference"])


async def version(client: Client, address: str) -> str:
    return str((await client.get(f"/fhir/{address}")).json()["meta"]["versionId"])


@pytest.mark.rule("BUN-2", "CCRE-1", "TX-7")
async def test_links_go_to_what_a_conditional_create_makes_or_finds(client: Client) -> None:
    entries = [
        write("POST", "Patient", known("x"), URN.format(1), ifNoneExist=KNOWN.format("x")),
        write("POST", "Observation", about(URN.format(1))),
    ]
    made = await done(client, *entries)
    found = await done(client, *entries)
    assert [entry["response"]["status"] for entry in made] == ["201 Created"] * 2
    assert [entry["response"]["status"] for entry in found] == ["200 OK", "201 Created"]
    location = made[0]["response"]["location"]
    assert found[0]["response"]["location"] == location
    address = location.removeprefix(f"{BASE}/").removesuffix("/_history/1")
    assert [await subject(client, entries[1]) for entries in (made, found)] == [address, address]
    assert await count(client) == 1


@pytest.mark.rule("BUN-2", "CUPD-1", "CUPD-2", "CDEL-1")
@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_conditional_updates_and_deletes_are_entries_too(client: Client, kind: str) -> None:
    for name in ("upd", "del"):
        await client.put(f"/fhir/Patient/{name}", json=known(name, id=name))
    entries = await done(
        client,
        write("PUT", f"Patient?{KNOWN.format('upd')}", known("upd", active=True), URN.format(1)),
        write("PUT", f"Patient?{KNOWN.format('new')}", known("new"), URN.format(2)),
        write("PUT", f"Patient?{KNOWN.format('own')}", known("own", id="own")),
        write("DELETE", f"Patient?{KNOWN.format('del')}"),
        write("DELETE", f"Patient?{KNOWN.format('nobody')}"),
        write("POST", "Patient", known("upd"), ifNoneExist=KNOWN.format("upd")),
        kind=kind,
    )
    statuses = [entry["response"]["status"][:3] for entry in entries]
    assert statuses == ["200", "201", "201", "204", "204", "200"]
    assert await version(client, "Patient/upd") == "2"
    assert await version(client, "Patient/own") == "1"
    assert (await client.get("/fhir/Patient/del")).status_code == 410
    assert await count(client) == 3


@pytest.mark.rule("TX-4", "TX-7")
async def test_links_go_to_what_a_conditional_update_finds(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=known("x", id="a"))
    entries = await done(
        client,
        write("POST", "Observation", about(URN.format(1))),
        write("PUT", f"Patient?{KNOWN.format('x')}", known("x"), URN.format(1)),
        write("PUT", f"Patient?{KNOWN.format('y')}", known("y"), URN.format(2)),
        write("POST", "Observation", about(URN.format(2))),
    )
    assert await subject(client, entries[0]) == "Patient/a"
    assert await subject(client, entries[3]) == entries[2]["response"]["location"].split("/fhir/")[1][:-11]


@pytest.mark.rule("TX-5")
async def test_a_reference_by_search_becomes_the_one_it_finds(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=known("x", id="a"))
    reference = f"Patient?{KNOWN.format('x')}"
    entries = await done(
        client, write("POST", "Observation", about(reference)), write("PUT", "Observation/o", about(reference, id="o"))
    )
    assert [await subject(client, entry) for entry in entries] == ["Patient/a"] * 2
    assert (await client.get("/fhir/Observation?subject=Patient/a&_summary=count")).json()["total"] == 2


@pytest.mark.rule("TX-2", "TX-5")
async def test_a_reference_by_search_finds_what_the_transaction_writes_and_not_what_it_deletes(client: Client) -> None:
    await client.put("/fhir/Patient/old", json=known("x", id="old"))
    entries = await done(
        client,
        write("POST", "Observation", about(f"Patient?{KNOWN.format('x')}")),
        write("POST", "Patient", known("x")),
        write("DELETE", "Patient/old"),
    )
    address = entries[1]["response"]["location"].removeprefix(f"{BASE}/").removesuffix("/_history/1")
    assert await subject(client, entries[0]) == address
    assert entries[0]["response"]["etag"] == 'W/"1"'
    found = (await client.get(f"/fhir/Observation?subject={address}")).json()
    assert found["total"] == 1
    history = (await client.get("/fhir/Observation/_history")).json()["entry"]
    assert [entry["resource"]["subject"]["reference"] for entry in history] == [address]


@pytest.mark.rule("TX-5")
@pytest.mark.parametrize(("matches", "code"), [(0, "conflict"), (2, "multiple-matches")])
async def test_a_reference_by_search_that_finds_none_or_several_fails_the_whole(
    client: Client, matches: int, code: str
) -> None:
    for number in range(matches):
        await client.put(f"/fhir/Patient/p{number}", json=known("x", id=f"p{number}"))
    for others in ([], [write("POST", "Patient", known("other"))]):
        answer = await post(client, *others, write("POST", "Observation", about(f"Patient?{KNOWN.format('x')}")))
        assert answer.status_code == 412
        (issue,) = issues(answer)
        assert (issue["code"], issue["expression"]) == (code, [f"Bundle.entry[{len(others)}]"])
    assert await count(client) == matches
    assert await count(client, "Observation") == 0


@pytest.mark.rule("TX-5", "BAT-1")
async def test_a_reference_by_search_that_cannot_be_resolved_is_refused(idle_client: Client) -> None:
    for reference, status in (("Practitioner?name=x", 400), ("Patient?colour=blue", 400), ("Patient?", 400)):
        answer = await post(idle_client, write("POST", "Observation", about(reference)))
        assert answer.status_code == status
        assert issues(answer)[0]["expression"][0].startswith("Bundle.entry[0]")
    (entry,) = await done(
        idle_client, write("POST", "Observation", about(f"Patient?{KNOWN.format('x')}")), kind="batch"
    )
    assert entry["response"]["status"].startswith("400")


@pytest.mark.rule("TX-3")
@pytest.mark.parametrize(
    "entries",
    [
        [write("PUT", f"Patient?{KNOWN.format('x')}", known("x")), write("PUT", "Patient/a", known("x", id="a"))],
        [write("PUT", f"Patient?{KNOWN.format('x')}", known("x")), write("DELETE", f"Patient?{KNOWN.format('y')}")],
        [write("DELETE", f"Patient?{KNOWN.format('x')}"), write("DELETE", "Patient/a")],
        [
            write("POST", "Patient", known("new"), ifNoneExist=KNOWN.format("new")),
            write("PUT", f"Patient?{KNOWN.format('new')}", known("new")),
        ],
        [write("POST", "Patient", known("new"), ifNoneExist=KNOWN.format("new"))] * 2,
    ],
    ids=["update and id", "update and delete", "delete and id", "create and update", "create twice"],
)
async def test_the_same_identity_twice_is_refused_by_conditions_too(client: Client, entries: list[Entry]) -> None:
    body = known("x", id="a")
    body["identifier"].append({"system": "urn:test", "value": "y"})
    await client.put("/fhir/Patient/a", json=body)
    answer = await post(client, write("POST", "Patient", known("other")), *entries)
    assert answer.status_code in (400, 412)
    assert issues(answer)[0]["expression"][0].startswith("Bundle.entry[")
    assert await count(client) == 1
    assert await version(client, "Patient/a") == "1"


@pytest.mark.rule("TX-1", "BUN-2")
@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (write("POST", "Patient", known("d"), ifNoneExist=KNOWN.format("double")), 412),
        (write("PUT", f"Patient?{KNOWN.format('double')}", known("double")), 412),
        (write("PUT", f"Patient?{KNOWN.format('x')}", known("x", id="other")), 400),
        (write("PUT", f"Patient?{KNOWN.format('x')}", known("x"), ifMatch='W/"9"'), 412),
        (write("PUT", "Patient/a", known("x", id="a"), ifNoneMatch="*"), 412),
        (write("DELETE", f"Patient?{KNOWN.format('double')}"), 412),
        (write("DELETE", f"Patient?{KNOWN.format('nobody')}", ifMatch='W/"1"'), 412),
        (write("PUT", "Patient?colour=blue", known("x")), 400),
        (write("DELETE", "Patient?"), 400),
        (write("PATCH", "Patient/nobody", fhirpath_patch(active={"valueBoolean": True})), 404),
        (write("PATCH", f"Patient?{KNOWN.format('nobody')}", fhirpath_patch(active={"valueBoolean": True})), 404),
        (write("PATCH", "Patient/a", fhirpath_patch(active={"valueString": "yes"})), 422),
        (write("PATCH", "Patient/a", {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}), 400),
    ],
)
async def test_a_condition_that_does_not_hold_fails_the_whole_and_names_its_entry(
    client: Client, entry: Entry, status: int
) -> None:
    for resource_id, name in (("a", "x"), ("b", "double"), ("c", "double")):
        await client.put(f"/fhir/Patient/{resource_id}", json=known(name, id=resource_id))
    answer = await post(client, write("POST", "Observation", about("Patient/a")), entry)
    assert answer.status_code == status
    assert issues(answer)[0]["expression"][0].startswith("Bundle.entry[1]")
    assert await count(client) == 3
    assert await count(client, "Observation") == 0
    (alone,) = await done(client, entry, kind="batch")
    assert alone["response"]["status"][:3] == str(status)
    assert alone["response"]["outcome"]["issue"][0]["severity"] == "error"


@pytest.mark.rule("TX-7", "PAT-2", "HIS-2")
@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_patches_are_entries_too(client: Client, kind: str) -> None:
    for name in ("a", "b", "c"):
        await client.put(f"/fhir/Patient/{name}", json=known(name, id=name))
    entries = await done(
        client,
        write("PATCH", "Patient/a", fhirpath_patch(active={"valueBoolean": True}), ifMatch='W/"1"'),
        write("PATCH", f"Patient?{KNOWN.format('b')}", fhirpath_patch(gender={"valueCode": "other"})),
        write("PATCH", "Patient/c", json_patch({"op": "add", "path": "/birthDate", "value": "1950"})),
        kind=kind,
        prefer="return=representation",
    )
    assert [entry["response"]["status"] for entry in entries] == ["200 OK"] * 3
    assert [entry["response"]["etag"] for entry in entries] == ['W/"2"'] * 3
    assert entries[0]["resource"]["active"] is True
    assert entries[1]["resource"]["gender"] == "other"
    assert entries[2]["resource"]["birthDate"] == "1950"
    history = (await client.get("/fhir/Patient/a/_history")).json()["entry"]
    assert [entry["request"]["method"] for entry in history] == ["PUT", "PUT"]


@pytest.mark.rule("TX-4", "TX-7")
async def test_links_in_a_patch_lead_to_what_the_transaction_makes(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    link = {
        "part": [
            {"name": "other", "valueReference": {"reference": URN.format(1)}},
            {"name": "type", "valueCode": "seealso"},
        ]
    }
    entries = await done(
        client,
        write("PATCH", "Patient/a", fhirpath_patch(link=link)),
        write("POST", "Patient", patient(), URN.format(1)),
    )
    address = entries[1]["response"]["location"].removeprefix(f"{BASE}/").removesuffix("/_history/1")
    assert (await client.get("/fhir/Patient/a")).json()["link"][0]["other"]["reference"] == address


@pytest.mark.rule("BUN-1", "BUN-3")
async def test_every_kind_of_read_can_be_an_entry(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    urls = ["Patient/a/_history", "Patient/_history?_count=1", "_history", "Patient/a/Observation", "Patient?_id=a"]
    entries = await done(client, *map(get, urls), kind="batch")
    assert {entry["response"]["status"] for entry in entries} == {"200 OK"}
    assert [entry["resource"]["type"] for entry in entries] == ["history"] * 3 + ["searchset"] * 2


@pytest.mark.rule("GEN-9", "BUN-3")
async def test_prefer_shows_what_a_conditional_create_found(client: Client) -> None:
    entry = write("POST", "Patient", known("x"), ifNoneExist=KNOWN.format("x"))
    for _ in range(2):
        (answer,) = await done(client, entry, prefer="return=representation")
        assert answer["resource"]["identifier"][0]["value"] == "x"
    (answer,) = await done(client, write("DELETE", "Patient?_id=nobody"), prefer="return=OperationOutcome")
    assert answer["response"]["status"] == "204 No Content"
    assert answer["response"]["outcome"]["issue"][0]["severity"] == "information"
