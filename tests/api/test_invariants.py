"""What the elements of a resource have to say together: refused with everything that is wrong, or told as a warning."""

from typing import Any

import pytest
from api_client import Client, issues, patient

BAD: dict[str, Any] = {
    "resourceType": "Condition",
    "subject": {"reference": "#nobody"},
    "onsetPeriod": {"start": "2024-05-02", "end": "2024-05-01"},
    "evidence": [{"id": "e"}],
}
FAULTS = [("con-2", "evidence[0]"), ("per-1", "onset"), ("ref-1", "subject")]
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A</div>'}


def told(answer: Any) -> list[tuple[str, str]]:
    return sorted((issue["details"]["coding"][0]["code"], issue["expression"][0]) for issue in issues(answer))


def severities(outcome: Any) -> list[str]:
    return [issue["severity"] for issue in outcome["issue"]]


async def test_what_breaks_invariants_is_422_with_all_of_them(client: Client) -> None:
    transaction = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": BAD, "request": {"method": "POST", "url": "Condition"}}],
    }
    for answer, place in (
        (await client.post("/fhir/Condition", json=BAD), "Condition"),
        (await client.put("/fhir/Condition/c", json={**BAD, "id": "c"}), "Condition"),
        (await client.post("/fhir", json=transaction), "Bundle.entry[0].resource"),
    ):
        assert answer.status_code == 422
        assert told(answer) == [(rule, f"{place}.{where}") for rule, where in FAULTS]
        assert {(issue["severity"], issue["code"]) for issue in issues(answer)} == {("error", "invariant")}
    assert (await client.get("/fhir/_history?_count=0")).json()["total"] == 0


async def test_a_patch_may_not_break_an_invariant(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    patch = b'[{"op":"add","path":"/contact","value":[{"gender":"male"}]}]'
    answer = await client.patch(
        "/fhir/Patient/a", content=patch, headers={"content-type": "application/json-patch+json"}
    )
    assert (answer.status_code, told(answer)) == (422, [("pat-1", "Patient.contact[0]")])


async def test_the_other_entries_of_a_batch_are_done(client: Client) -> None:
    entries = [
        {"resource": BAD, "request": {"method": "POST", "url": "Condition"}},
        {"resource": patient(), "request": {"method": "POST", "url": "Patient"}},
        {"resource": patient()},
    ]
    answer = await client.post("/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
    assert statuses == ["422", "201", "422"]


@pytest.mark.parametrize("text", [None, NARRATIVE])
async def test_warnings_come_back_with_an_outcome_that_is_asked_for(client: Client, text: Any) -> None:
    sent = patient(id="a", text=text) if text else patient(id="a")
    expected = ["information"] if text else ["information", "warning"]
    prefer = {"prefer": "return=OperationOutcome"}
    answer = await client.put("/fhir/Patient/a", json=sent, headers=prefer)
    assert severities(answer.json()) == expected
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": sent, "request": {"method": "PUT", "url": "Patient/a"}}],
    }
    (entry,) = (await client.post("/fhir", json=bundle, headers=prefer)).json()["entry"]
    assert severities(entry["response"]["outcome"]) == expected
    validated = await client.post("/fhir/Patient/$validate", json=sent)
    assert severities(validated.json()) == (["information"] if text else ["warning"])
