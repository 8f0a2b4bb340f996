"""The past of a resource, of a type and of everything; each test names the rule of the R4 REST rules it proves."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from api_client import BASE, Client, issues, observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.storage.repository import Repository

Bundle = dict[str, Any]


async def history(client: Client, path: str, **parameters: str) -> Bundle:
    answer = await client.get(f"/fhir/{path}", params=parameters or None)
    assert answer.status_code == 200, answer.text
    bundle: Bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "history")
    return bundle


def told(bundle: Bundle) -> list[tuple[str, str, str]]:
    """Method, URL and status of each entry."""
    return [
        (entry["request"]["method"], entry["request"]["url"], entry["response"]["status"][:3])
        for entry in bundle.get("entry", [])
    ]


def versions(bundle: Bundle) -> list[str]:
    return [entry["response"]["etag"][3:-1] for entry in bundle.get("entry", [])]


async def a_life(client: Client) -> str:
    """Made by POST, changed, deleted, brought back."""
    resource_id = (await client.post("/fhir/Patient", json=patient())).json()["id"]
    await client.put(f"/fhir/Patient/{resource_id}", json=patient(id=resource_id, active=True))
    await client.delete(f"/fhir/Patient/{resource_id}")
    await client.put(f"/fhir/Patient/{resource_id}", json=patient(id=resource_id, active=False))
    return str(resource_id)


async def a_past(client: Client, versions: int) -> None:
    for number in range(versions):
        await client.put("/fhir/Patient/a", json=patient(id="a", multipleBirthInteger=number))


@pytest.mark.rule("HIS-1", "HIS-2", "HIS-4", "DEL-2")
async def test_each_entry_tells_what_happened_newest_first(client: Client) -> None:
    resource_id = await a_life(client)
    bundle = await history(client, f"Patient/{resource_id}/_history")
    address = f"Patient/{resource_id}"
    assert told(bundle) == [
        ("PUT", address, "201"),
        ("DELETE", address, "204"),
        ("PUT", address, "200"),
        ("POST", "Patient", "201"),
    ]
    assert bundle["total"] == 4
    assert versions(bundle) == ["4", "3", "2", "1"]
    assert {entry["fullUrl"] for entry in bundle["entry"]} == {f"{BASE}/{address}"}
    assert [entry.get("resource", {}).get("active") for entry in bundle["entry"]] == [False, None, True, None]
    assert ["resource" in entry for entry in bundle["entry"]] == [True, False, True, True]
    for entry in bundle["entry"]:
        if "resource" in entry:
            assert entry["response"]["lastModified"] == entry["resource"]["meta"]["lastUpdated"]
            assert entry["response"]["etag"] == f'W/"{entry["resource"]["meta"]["versionId"]}"'


@pytest.mark.rule("HIS-2")
async def test_a_resource_under_an_id_of_the_clients_was_put(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    assert told(await history(client, "Patient/a/_history")) == [("PUT", "Patient/a", "201")]


@pytest.mark.rule("HIS-2", "DEL-2")
async def test_the_past_of_a_deleted_resource_is_shown(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    await client.delete("/fhir/Patient/a")
    assert [method for method, _, _ in told(await history(client, "Patient/a/_history"))] == ["DELETE", "PUT"]


@pytest.mark.rule("HIS-4")
@pytest.mark.parametrize("path", ["Patient/nobody/_history", "Patient/nobody/_history?_since=2000", "Order/_history"])
async def test_the_past_of_what_never_was_is_not_there(idle_client: Client, path: str) -> None:
    answer = await idle_client.get(f"/fhir/{path}")
    assert answer.status_code == 404
    assert issues(answer)[0]["code"] in ("not-found", "not-supported")


@pytest.mark.rule("HIS-1")
async def test_a_type_and_the_whole_have_their_past(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    await client.put("/fhir/Observation/o", json=observation("a", id="o"))
    await client.delete("/fhir/Patient/a")
    assert told(await history(client, "Patient/_history")) == [
        ("DELETE", "Patient/a", "204"),
        ("PUT", "Patient/a", "201"),
    ]
    whole = [("DELETE", "Patient/a", "204"), ("PUT", "Observation/o", "201"), ("PUT", "Patient/a", "201")]
    assert told(await history(client, "_history")) == whole
    assert "entry" not in await history(client, "Device/_history")


@pytest.mark.rule("HIS-3", "PAGE-1")
async def test_pages_follow_each_other_while_others_write(client: Client) -> None:
    await a_past(client, 7)
    page = await history(client, "Patient/a/_history", _count="3")
    seen = versions(page)
    assert page["total"] == 7
    while links := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        await client.put("/fhir/Patient/a", json=patient(id="a"))
        assert links[0].startswith(f"{BASE}/Patient/a/_history?_count=3&_cursor=")
        page = await history(client, links[0].removeprefix(f"{BASE}/"))
        assert len(page["entry"]) <= 3
        seen += versions(page)
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]


@pytest.mark.rule("HIS-3")
@pytest.mark.parametrize("path", ["Patient/_history", "_history"])
async def test_pages_of_many_resources_hold_each_version_once(client: Client, path: str) -> None:
    body = [{"request": {"method": "PUT", "url": f"Patient/p{n}"}, "resource": patient(id=f"p{n}")} for n in range(9)]
    for _ in range(2):
        await client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": body})
    page = await history(client, path, _count="4", _total="accurate")
    seen = [(entry["request"]["url"], entry["response"]["etag"]) for entry in page["entry"]]
    assert page["total"] == 18
    while links := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        page = await history(client, links[0].removeprefix(f"{BASE}/"))
        seen += [(entry["request"]["url"], entry["response"]["etag"]) for entry in page["entry"]]
    assert seen == [(f"Patient/p{n}", f'W/"{version}"') for version in (2, 1) for n in reversed(range(9))]


async def instants(client: Client) -> list[datetime]:
    """When the versions of Patient/a were made, oldest first."""
    entries = (await history(client, "Patient/a/_history"))["entry"]
    return [datetime.fromisoformat(entry["response"]["lastModified"]) for entry in reversed(entries)]


@pytest.fixture
def _ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that tells every two changes apart."""
    ticks = itertools.count(1_800_000_000_000, 10)
    monkeypatch.setattr("fhir_service.storage.group_commit.time_ns", lambda: next(ticks) * 1_000_000)


@pytest.mark.rule("HIS-3")
@pytest.mark.usefixtures("_ticking")
async def test_since_keeps_what_was_made_at_that_instant_or_after(client: Client) -> None:
    await a_past(client, 3)
    first, second, third = await instants(client)
    assert versions(await history(client, "Patient/a/_history", _since=second.isoformat())) == ["3", "2"]
    after = (third + timedelta(milliseconds=1)).isoformat()
    assert versions(await history(client, "_history", _since=after)) == []
    bundle = await history(client, "Patient/_history", _since=first.isoformat(), _count="1")
    assert versions(bundle) == ["3"]
    (link,) = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    assert versions(await history(client, link.removeprefix(f"{BASE}/"))) == ["2"]
    counted = await history(client, "Patient/a/_history", _since=second.isoformat(), _summary="count")
    assert counted["total"] == 2
    assert "entry" not in counted


@pytest.mark.rule("HIS-3")
@pytest.mark.usefixtures("_ticking")
async def test_at_keeps_what_was_current_at_some_time_in_it(client: Client) -> None:
    await a_past(client, 2)
    await client.delete("/fhir/Patient/a")
    first, second, gone = await instants(client)
    before = (second - timedelta(milliseconds=1)).isoformat()
    assert versions(await history(client, "Patient/a/_history", _at=before)) == ["1"]
    assert versions(await history(client, "_history", _at=second.isoformat())) == ["2"]
    assert versions(await history(client, "Patient/_history", _at=gone.isoformat())) == ["3"]
    assert versions(await history(client, "Patient/a/_history", _at=str(first.year))) == ["3", "2", "1"]
    assert versions(await history(client, "Patient/a/_history", _at=str(first.year + 1))) == []
    assert versions(await history(client, "Patient/a/_history", _at=str(first.year - 1))) == []


@pytest.mark.rule("HIS-3", "ERR-3")
@pytest.mark.parametrize("query", ["_since=yesterday", "_at=2026-99", "_count=-1", "_list=List/1", "_at=2026&_at=2025"])
async def test_what_cannot_be_read_is_refused_by_name(idle_client: Client, query: str) -> None:
    answer = await idle_client.get(f"/fhir/_history?{query}")
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"] == [f"http.{query.partition('=')[0]}"]


@pytest.mark.rule("ERR-1")
async def test_an_unknown_parameter_is_left_out_or_refused_as_the_client_prefers(client: Client) -> None:
    await a_past(client, 1)
    bundle = await history(client, "Patient/a/_history", code="x", _sort="-_lastUpdated", _format="json", _count="9")
    assert versions(bundle) == ["1"]
    assert [link["url"] for link in bundle["link"]] == [f"{BASE}/Patient/a/_history?_count=9&_format=json"]
    answer = await client.get("/fhir/Patient/a/_history?code=x", headers={"prefer": "handling=strict"})
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"] == ["http.code"]


async def test_after_a_resource_is_erased_it_has_no_past(client: Client, repository: Repository) -> None:
    await a_past(client, 2)
    await repository.erase([("Patient", "a")], OPEN)
    assert (await client.get("/fhir/Patient/a/_history")).status_code == 404
    assert "entry" not in await history(client, "_history")


async def test_the_stored_bytes_are_shown(client: Client) -> None:
    text = (
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":8.00}}'
    )
    await client.put("/fhir/Observation/o", content=text)
    assert '"valueQuantity":{"value":8.00}}' in (await client.get("/fhir/_history")).text


@pytest.mark.rule("PAGE-1", "GEN-8")
@pytest.mark.parametrize("address", ["Patient/_history", "Patient/$everything", "Patient"])
async def test_the_next_page_comes_in_the_form_of_the_first(client: Client, address: str) -> None:
    for name in ("a", "b"):
        assert (await client.put(f"/fhir/Patient/{name}", json=patient(id=name, gender="female"))).status_code == 201
    first = (await client.get(f"/fhir/{address}?_count=1&_elements=active&_pretty=true")).json()
    links = {link["relation"]: link["url"] for link in first["link"]}
    assert "_elements=active" in links["self"]
    second = await client.get(links["next"])
    assert "\n" in second.text
    assert "gender" not in second.text
