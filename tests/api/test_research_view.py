"""AdverseEvent/$research-view: events in the form of clinical research, and what the others miss."""

from __future__ import annotations

from typing import Any

from api_client import BASE, Client, issues, patient
from research_events import GUIDE, PROFILE, coded, event

VIEW = "/fhir/AdverseEvent/$research-view"


async def told(client: Client) -> None:
    for name in ("p", "q"):
        await client.put(f"/fhir/Patient/{name}", json=patient(id=name))
    document = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"title": "r"}}]}
    for name, status in (("d", "current"), ("w", "entered-in-error")):
        body = {**document, "id": name, "status": status}
        assert (await client.put(f"/fhir/DocumentReference/{name}", json=body)).status_code == 201
    of_q = {"subject": {"reference": "Patient/q"}}
    events = [
        event(id="e1", referenceDocument=[{"reference": "DocumentReference/d"}]),
        event(id="e2", outcome=coded("adverse-event-outcome", "unknown")),
        event(id="e3", referenceDocument=[{"reference": "DocumentReference/w"}], **of_q),
    ]
    for body in events:
        assert (await client.put(f"/fhir/AdverseEvent/{body['id']}", json=body)).status_code == 201


async def asked(client: Client, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    bundle: dict[str, Any] = answer.json()
    assert bundle["type"] == "collection"
    return bundle


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"].get("id", entry["resource"]["resourceType"]) for entry in bundle.get("entry", ())]


async def test_the_events_of_a_patient_and_what_others_miss(client: Client) -> None:
    await told(client)
    bundle = await asked(client, f"{VIEW}?patient=p")
    assert ids(bundle) == ["e1", "OperationOutcome"]
    first, last = bundle["entry"]
    assert first["fullUrl"] == f"{BASE}/AdverseEvent/e1"
    assert first["resource"]["meta"]["profile"] == [PROFILE]
    assert first["resource"]["meta"]["versionId"] == "1"
    (issue,) = last["resource"]["issue"]
    assert issue["details"]["coding"] == [{"code": "ae-research.outcome"}]
    assert issue["expression"] == ["AdverseEvent.where(id = 'e2').outcome"]


async def test_those_of_all_patients_come_page_by_page(client: Client) -> None:
    await told(client)
    found, path = [], f"{VIEW}?_count=1"
    while path:
        bundle = await asked(client, path)
        found.append(ids(bundle))
        path = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert found == [["e1"], ["OperationOutcome"], ["e3"]]


async def test_an_event_of_a_withdrawn_report_is_entered_in_error(client: Client) -> None:
    await told(client)
    statuses = [
        (await asked(client, f"/fhir/AdverseEvent/{name}/$research-view"))["entry"][0]["resource"]["modifierExtension"]
        for name in ("e1", "e3")
    ]
    url = f"{GUIDE}/status"
    assert statuses == [[{"url": url, "valueCode": "completed"}], [{"url": url, "valueCode": "entered-in-error"}]]


async def test_it_is_asked_by_post_too_and_nothing_is_stored(client: Client) -> None:
    await told(client)
    sent = {"resourceType": "Parameters", "parameter": [{"name": "patient", "valueString": "Patient/q"}]}
    answer = await client.post(VIEW, json=sent)
    assert ids(answer.json()) == ["e3"]
    assert (await client.get("/fhir/AdverseEvent?_summary=count")).json()["total"] == 3
    stored = (await client.get("/fhir/AdverseEvent/e3")).json()
    assert "profile" not in stored["meta"]


async def test_a_patient_without_events_has_an_empty_bundle(client: Client) -> None:
    assert ids(await asked(client, f"{VIEW}?patient=nobody")) == []


async def test_what_cannot_be_asked_is_refused(client: Client) -> None:
    assert (await client.get("/fhir/AdverseEvent/none/$research-view")).status_code == 404
    answer = await client.get(f"{VIEW}?outcome=resolved")
    assert (answer.status_code, issues(answer)[0]["expression"]) == (400, ["http.outcome"])
    answer = await client.get("/fhir/AdverseEvent/none/$research-view?patient=p")
    assert answer.status_code == 400
    assert issues(await client.get(f"{VIEW}?_cursor=x"))[0]["expression"] == ["http._cursor"]
    assert (await client.get("/fhir/Patient/$research-view")).status_code == 404


async def test_its_definition_is_stated(client: Client) -> None:
    statement = (await client.get("/fhir/metadata")).json()
    (rows,) = [one["operation"] for one in statement["rest"][0]["resource"] if one["type"] == "AdverseEvent"]
    url = "https://vertebral-augmentation.example.org/fhir/OperationDefinition/adverse-event-research-view"
    assert ("research-view", url) in [(row["name"], row["definition"]) for row in rows]


async def test_transform_with_the_map_of_the_projection_gives_the_same(client: Client) -> None:
    await told(client)
    stored = (await client.get("/fhir/AdverseEvent/e2")).json()
    entry = {"fullUrl": f"{BASE}/AdverseEvent/e2", "resource": stored}
    sent = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
    answer = await client.post("/fhir/StructureMap/adverse-event-research/$transform", json=sent)
    assert answer.status_code == 200, answer.text
    assert answer.json() == await asked(client, "/fhir/AdverseEvent/e2/$research-view")
