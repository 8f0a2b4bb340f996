"""Every access to patient data becomes an AuditEvent, which clients read and nobody changes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_client import Client, issues, observation, patient
from bulk_client import bulk_client, finished
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from submission_bundles import submission

from fhir_service.api.auth.gate import OpenGate
from fhir_service.fhir.access import Access, Grant
from fhir_service.fhir.audit_events import AccessRecord, audit_event
from fhir_service.fhir.errors import InvalidParameter, StoreUnavailable
from fhir_service.storage import access_records
from fhir_service.storage.engines import open_engine
from fhir_service.storage.repository import Repository
from fhir_service.workflows.check_conformance import all_issues, conformance
from fhir_service.workflows.record_accesses import prune_accesses
from fhir_service.workflows.record_refusals import MOST_IN_WINDOW, RefusalBook

Connect = Callable[..., Client]


@pytest_asyncio.fixture
async def watched(connect: Connect) -> AsyncIterator[Client]:
    """A client whose accesses are recorded, of a store with a patient `p` and an observation `o` about them."""
    async with connect(audit="off") as unseen:
        await unseen.put("/fhir/Patient/p", json=patient(id="p"))
        await unseen.put("/fhir/Observation/o", json=observation("p", id="o"))
    async with connect(audit="on") as client:
        yield client


def service_of(client: Client) -> Any:
    """The service behind a client of the tests: httpx keeps the application there."""
    return client._transport.app.state.service  # type: ignore[attr-defined]  # httpx does not tell


async def events(client: Client, query: str = "") -> list[dict[str, Any]]:
    """Newest first; those about the events themselves are left out."""
    found = (await client.get(f"/fhir/AuditEvent?{query}")).json()
    assert found["resourceType"] == "Bundle", found
    resources = [entry["resource"] for entry in found.get("entry", [])]
    return [one for one in resources if not asked(one).startswith("AuditEvent")]


def asked(event: dict[str, Any]) -> str:
    return base64.b64decode(event["entity"][0]["query"]).decode()


def named(event: dict[str, Any]) -> list[str]:
    return [entity["what"]["reference"] for entity in event["entity"][1:]]


def subtype(event: dict[str, Any]) -> str:
    last = event["subtype"][-1]
    return str(last.get("code") or last["display"])


async def test_a_read_is_told_with_who_what_when_and_outcome(watched: Client) -> None:
    answer = await watched.get("/fhir/Observation/o", headers={"x-request-id": "r-7"})
    (event,) = await events(watched)
    assert (event["action"], subtype(event), event["outcome"]) == ("R", "read", "0")
    assert named(event) == ["Observation/o/_history/1", "Patient/p"]
    assert event["agent"][0]["network"] == {"address": "127.0.0.1", "type": "2"}
    assert event["agent"][0]["requestor"] is True
    assert event["entity"][0]["detail"] == [{"type": "X-Request-Id", "valueString": "r-7"}]
    assert event["recorded"].endswith("Z")
    assert answer.status_code == 200


async def moved(client: Client) -> None:
    """The observation turns out to be another patient's."""
    await client.put("/fhir/Patient/q", json=patient(id="q"))
    await client.put("/fhir/Observation/o", json=observation("q", id="o"))


@pytest.mark.parametrize(
    "path",
    [
        *("Observation/o", "Observation/o/_history", "Observation/o/_history/1", "Observation?code=cement-volume"),
        *("Patient/p/$everything", "Observation?_id=o&_include=*", "Patient?_id=p&_revinclude=Observation:subject"),
    ],
)
async def test_whose_data_it_was_is_told_as_it_was_when_they_were_given(watched: Client, path: str) -> None:
    await watched.get(f"/fhir/{path}")
    await moved(watched)
    first = (await events(watched))[-1]
    assert [one for one in named(first) if one.startswith("Patient/")] == ["Patient/p"]


async def test_old_versions_are_told_of_as_the_data_of_whom_they_were_about(watched: Client) -> None:
    await moved(watched)
    await watched.get("/fhir/Observation/o/_history/1")
    await watched.get("/fhir/Observation/o/_history")
    history, version, *_ = await events(watched)
    assert [one for one in named(version) if one.startswith("Patient/")] == ["Patient/p"]
    assert [one for one in named(history) if one.startswith("Patient/")] == ["Patient/p", "Patient/q"]


async def test_a_search_is_told_with_its_query_and_the_patients_it_found(watched: Client) -> None:
    await watched.get("/fhir/Observation?code=cement-volume&_include=Observation:subject")
    form = {"content-type": "application/x-www-form-urlencoded"}
    await watched.post("/fhir/Patient/_search", content="_id=p", headers=form)
    by_form, by_url = await events(watched)
    assert (by_url["action"], subtype(by_url)) == ("E", "search-type")
    assert asked(by_url) == "Observation?code=cement-volume&_include=Observation:subject"
    assert named(by_url) == ["Patient/p"]
    assert asked(by_form) == "Patient?_id=p"
    assert named(by_form) == ["Patient/p"]


async def test_writes_name_the_version_that_they_made(watched: Client) -> None:
    made = (await watched.post("/fhir/Observation", json=observation("p"))).json()["id"]
    await watched.put("/fhir/Patient/p", json=patient(id="p", active=True))
    await watched.delete("/fhir/Observation/o")
    deleted, updated, created = await events(watched)
    assert (created["action"], named(created)) == ("C", [f"Observation/{made}/_history/1", "Patient/p"])
    assert (updated["action"], named(updated)) == ("U", ["Patient/p/_history/2", "Patient/p"])
    assert deleted["action"] == "D"
    assert named(deleted)[0] == "Observation/o/_history/2"


async def test_a_transaction_names_what_it_wrote_and_its_reads_are_told_by_themselves(watched: Client) -> None:
    requests = [("PUT", "Patient/q", patient(id="q")), ("GET", "Observation/o", None)]
    entries = [
        {"request": {"method": method, "url": url}, **({"resource": body} if body else {})}
        for method, url, body in requests
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await watched.post("/fhir", json=bundle)).status_code == 200
    whole, *reads = await events(watched)
    assert subtype(whole) == "transaction"
    assert "Patient/q/_history/1" in named(whole)
    assert {subtype(read) for read in reads} == {"read"}
    assert all("Patient/p" in named(read) for read in reads)


async def test_operations_and_histories_are_told(watched: Client) -> None:
    await watched.get("/fhir/Patient/p/$everything")
    await watched.get("/fhir/Observation/_history")
    history, everything = await events(watched)
    assert (subtype(everything), named(everything)) == ("$everything", ["Patient/p"])
    assert (subtype(history), named(history)) == ("history-type", ["Patient/p"])


@pytest.mark.parametrize(
    ("path", "outcome"), [("/fhir/Patient/nobody", "4"), ("/fhir/Observation?code:nonsense=1", "4")]
)
async def test_what_is_refused_is_told_too(watched: Client, path: str, outcome: str) -> None:
    refused = await watched.get(path)
    (event,) = await events(watched)
    assert event["outcome"] == outcome
    assert event["outcomeDesc"] == f"HTTP status {refused.status_code}"


async def test_what_tells_of_no_patient_is_not_recorded(watched: Client) -> None:
    for path in ("metadata", "ValueSet", "CodeSystem/$lookup?system=http://loinc.org&code=1", "Nonsense/1"):
        await watched.get(f"/fhir/{path}")
    assert await events(watched) == []


async def test_who_looks_at_the_events_is_recorded(watched: Client) -> None:
    await watched.get("/fhir/AuditEvent?patient=p")
    found = (await watched.get("/fhir/AuditEvent")).json()
    assert asked(found["entry"][0]["resource"]) == "AuditEvent?patient=p"


async def test_every_event_is_valid(watched: Client) -> None:
    await watched.get("/fhir/Patient/p")
    await watched.get("/fhir/Patient?_id=p")
    await watched.get("/fhir/Patient/p/$everything")
    await watched.get("/fhir/Patient/nobody")
    await watched.get("/fhir?_type=Patient,Observation")
    await watched.put("/fhir/Patient/p", json=patient(id="p", active=True))
    found = await events(watched)
    assert len(found) == 6
    told = {"recorded": 1, "request": "r", "client": "https://issuer.example.org#jane", "address": "", "about": ""}
    everybody = AccessRecord(
        **told, interaction="export", query="", status=202, patients=("*",), resources={("_export", "j"): 0}
    )
    login = AccessRecord(**told, interaction="login", query="times=7", status=401)
    found += [json.loads(audit_event(one)) for one in (everybody, login)]
    for event in found:
        assert [issue for issue in all_issues(event, conformance()) if issue.severity in ("error", "fatal")] == []


async def test_events_are_found_by_what_an_auditor_asks(watched: Client) -> None:
    await watched.get("/fhir/Observation/o")
    await watched.get("/fhir/Patient/nobody")
    await watched.get("/fhir/Patient?_id=p")
    read = (await events(watched, "entity=Observation/o"))[0]
    assert [asked(one) for one in await events(watched, "patient=p")] == ["Patient?_id=p", "Observation/o"]
    assert [asked(one) for one in await events(watched, "patient=Patient/p&action=R")] == ["Observation/o"]
    assert [asked(one) for one in await events(watched, "outcome=4")] == ["Patient/nobody"]
    assert [asked(one) for one in await events(watched, "subtype=search-type,vread")] == ["Patient?_id=p"]
    assert [one["id"] for one in await events(watched, f"_id={read['id']}")] == [read["id"]]
    assert len(await events(watched, "address=127.0.0.1&date=ge2020-01-01")) == 3
    assert await events(watched, "date=lt2020-01-01") == []
    assert await events(watched, "altid=somebody") == []


async def test_pages_follow_each_other_without_a_gap_while_more_is_recorded(watched: Client) -> None:
    for number in range(5):
        await watched.get(f"/fhir/Patient/p?x={number}")
    seen, url = [], "/fhir/AuditEvent?subtype=read&entity=Patient/p&_count=2"
    while url:
        page = (await watched.get(url)).json()
        seen += [asked(entry["resource"]) for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        url = links.get("next", "").removeprefix("http://localhost")
        await watched.get("/fhir/Patient/p?more")
    assert seen == [f"Patient/p?x={number}" for number in (4, 3, 2, 1, 0)]
    counted = (await watched.get("/fhir/AuditEvent?entity=Patient/p&_summary=count")).json()
    assert counted["total"] == 8
    assert "entry" not in counted


@pytest.mark.parametrize(
    "query", ["agent=x", "date=yesterday", "entity=p", "_sort=date", "_cursor=x", "patient=a/b/ c"]
)
async def test_a_search_that_is_not_understood_is_refused(watched: Client, query: str) -> None:
    answer = await watched.get(f"/fhir/AuditEvent?{query}")
    assert answer.status_code == 400
    assert issues(answer)


async def test_an_event_is_read_by_its_id(watched: Client) -> None:
    await watched.get("/fhir/Patient/p")
    (event,) = await events(watched)
    assert (await watched.get(f"/fhir/AuditEvent/{event['id']}")).json() == event
    assert (await watched.get("/fhir/AuditEvent/999999999")).status_code == 404
    assert (await watched.get("/fhir/AuditEvent/nonsense")).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("PUT", "/1"), ("PATCH", "/1"), ("DELETE", "/1")])
async def test_no_client_writes_events(watched: Client, method: str, path: str) -> None:
    event = {"resourceType": "AuditEvent", "id": "1"}
    answer = await watched.request(method, f"/fhir/AuditEvent{path}", json=event)
    assert answer.status_code == 405
    assert issues(answer)


async def test_no_bundle_writes_events(watched: Client) -> None:
    for method, url in (("POST", "AuditEvent"), ("PUT", "AuditEvent/1"), ("DELETE", "AuditEvent/1")):
        entry = {"request": {"method": method, "url": url}, "resource": {"resourceType": "AuditEvent", "id": "1"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        answer = await watched.post("/fhir", json=bundle)
        assert answer.status_code >= 400, answer.text


async def test_the_store_refuses_to_change_an_event(watched: Client, database_url: str) -> None:
    await watched.get("/fhir/Patient/p")
    await events(watched)
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="not changed"):
            await connection.execute(text("UPDATE audit_event SET status = 404"))
    await engine.dispose()


async def test_only_who_may_reads_events(watched: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def access(_gate: OpenGate, _headers: object) -> Access:
        return Access((Grant("rs", "Patient"),))

    monkeypatch.setattr(OpenGate, "access", access)
    for path in ("AuditEvent", "AuditEvent/1"):
        answer = await watched.get(f"/fhir/{path}")
        assert answer.status_code == 403
        assert issues(answer)


async def test_without_the_setting_nothing_is_recorded(client: Client) -> None:
    await client.get("/fhir/Patient")
    assert await events(client) == []


async def test_an_access_that_cannot_be_recorded_is_not_given(watched: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_service.workflows.record_accesses.MAX_WAITING", 0)
    monkeypatch.setattr("fhir_service.workflows.record_accesses.ROOM_SECONDS", 0)
    answer = await watched.get("/fhir/Patient/p")
    assert answer.status_code == 503
    assert (await watched.get("/fhir/metadata")).status_code == 200


async def test_of_a_form_without_end_the_beginning_is_kept(watched: Client) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    await watched.post("/fhir/Patient/_search", data={"name": "x" * 1_000_000}, headers=form)
    (one,) = await events(watched)
    assert 60_000 < len(asked(one)) < 70_000
    assert {"type": "incomplete", "valueString": "there were more than are named here"} in one["entity"][0]["detail"]


async def test_what_could_not_be_written_is_written_later(
    repository: Repository, watched: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = type(repository.accesses).add

    async def refuse(*_: object) -> None:
        raise StoreUnavailable("the database does not answer")

    monkeypatch.setattr(type(repository.accesses), "add", refuse)
    assert (await watched.get("/fhir/Patient/p")).status_code == 200
    assert (await watched.get("/fhir/AuditEvent")).status_code == 503
    monkeypatch.setattr(type(repository.accesses), "add", written)
    assert "Patient/p" in [asked(one) for one in await events(watched)]


async def test_the_statement_tells_how_events_are_searched(client: Client) -> None:
    statement = (await client.get("/fhir/metadata")).json()
    (kept,) = [one for one in statement["rest"][0]["resource"] if one["type"] == "AuditEvent"]
    assert kept["interaction"] == [{"code": "read"}, {"code": "search-type"}]
    assert {"patient", "date", "outcome"} <= {one["name"] for one in kept["searchParam"]}


def shown(event: dict[str, Any]) -> list[str]:
    """What it was about; of what is no resource the words."""
    return [str(entity["what"].get("reference") or entity["what"]["display"]) for entity in event["entity"][1:]]


async def test_who_has_had_the_words_of_a_report_is_found_whatever_way_they_came(watched: Client) -> None:
    attachment = [{"attachment": {"contentType": "text/plain", "data": "QSByZXBvcnQu"}}]
    report = {"resourceType": "DocumentReference", "id": "d", "status": "current", "content": attachment}
    await watched.put("/fhir/DocumentReference/d", json={**report, "subject": {"reference": "Patient/p"}})
    for path in ("DocumentReference?_id=d", "Patient/p/$everything", "DocumentReference/d/_history", "Observation/o"):
        assert (await watched.get(f"/fhir/{path}")).status_code == 200
    found = await events(watched, "entity=DocumentReference/d")
    assert [subtype(one) for one in found] == ["history-instance", "$everything", "search-type", "update"]
    assert all("DocumentReference/d/_history/1" in named(one) for one in found)


async def test_exports_tell_whose_data_they_are_about_and_files_which_export_they_are_of(
    watched: Client, connect: Connect, tmp_path: Path
) -> None:
    members = [{"entity": {"reference": "Patient/p"}}]
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": members}
    async with connect(audit="on", export_files=str(tmp_path)) as client:
        await client.put("/fhir/Group/g", json=group)
        every = (await client.get("/fhir/$export")).headers["content-location"].rpartition("/")[2]
        of_group = (await client.get("/fhir/Group/g/$export")).headers["content-location"].rpartition("/")[2]
        await client.get(f"/fhir/_export/{every}")
        found = {subtype(one): shown(one) for one in await events(client, f"entity=_export/{every}")}
        assert found["$export"] == [f"_export/{every}", "every patient that the client may see"]
        assert found["$export-status"] == [f"_export/{every}"]
        (about_group,) = await events(client, f"entity=_export/{of_group}")
        assert shown(about_group) == [f"_export/{of_group}", "Patient/p"]
        assert len(await events(client, "patient=p&subtype=export")) == 2
        assert [shown(one)[0] for one in await events(client, "patient=q&subtype=export")] == [f"_export/{every}"]


async def test_what_an_upload_does_behind_its_answer_is_told_when_it_is_done(
    repository: Repository, tmp_path: Path
) -> None:
    async with bulk_client(repository, tmp_path, audit="on") as client:
        headers = {"content-type": "application/fhir+ndjson", "prefer": "respond-async"}
        answer = await client.post("/fhir/$registryUpload", content=json.dumps(submission()), headers=headers)
        upload = answer.headers["content-location"].rpartition("/")[2]
        await finished(client, answer.headers["content-location"])
        told = await events(client, "subtype=registryUpload")
        taken, done = sorted(told, key=lambda one: shown(one) != [f"_upload/{upload}"])
        (found,) = (await client.get("/fhir/Bundle")).json()["entry"]
        assert shown(taken) == [f"_upload/{upload}"]
        assert done["entity"][0]["detail"] == taken["entity"][0]["detail"]  # one request
        stored = found["resource"]["id"]
        assert [one for one in await events(client, f"entity=Bundle/{stored}") if one["id"] == done["id"]]


async def test_old_events_are_removed_by_command_alone_and_that_is_told(
    watched: Client, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watched.get("/fhir/Patient/p")
    with pytest.raises(InvalidParameter, match="last day stays"):
        await prune_accesses(repository.accesses, time.time_ns() // 1_000_000)
    assert len(await events(watched, "patient=p")) == 1
    monkeypatch.setattr(access_records, "_AT_ONCE", 2)
    long_ago = AccessRecord(
        recorded=1_000, request="", client="c", address="", interaction="read", about="Patient/p", query="", status=200
    )
    await repository.accesses.add([long_ago] * 5)
    assert len(await events(watched, "patient=p")) == 6
    assert await prune_accesses(repository.accesses, 2_000) == 5
    assert [one["agent"][0].get("altId") for one in await events(watched, "patient=p")] == [None]
    (pruned,) = await events(watched, "subtype=audit-prune")
    assert asked(pruned) == "?before=1970-01-01T00:00:02.000Z&removed=5"
    async with repository._database.reading() as session:
        ((left,),) = await session.fetch(
            "SELECT count(*) FROM audit_entity e WHERE e.place NOT IN (SELECT place FROM audit_event)"
        )
    assert left == 0


async def test_a_flood_of_requests_of_nobody_becomes_few_events() -> None:
    noted: list[AccessRecord] = []
    book = RefusalBook(noted.append)
    for number in range(1000):
        book.refused(f"10.0.0.{number % 100}", f"r-{number}", 401)
    assert noted == []
    book.flush()
    assert len(noted) == MOST_IN_WINDOW + 1
    assert sum(int(one.query.partition("=")[2]) for one in noted) == 1000
    assert [one.query for one in noted if not one.address] == ["times=800"]
    book.flush()
    assert len(noted) == MOST_IN_WINDOW + 1
