"""Submissions as Bundles (HL7's guide CREDS 1.0.0): one, many, updated, only validated."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_client import Client
from submission_bundles import MODEL, PATIENT, many, submission

from fhir_service.fhir.json_text import encode, parse
from fhir_service.workflows.check_conformance import conformance
from fhir_service.workflows.submission_bundle import PROFILE

OUTCOME = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSOperationOutcome"

COMPLETENESS = ("submission.missing", "submission.declared-unknown")


def wrong(record: str = "bad-1") -> dict[str, Any]:
    """One whose patient US Core does not take."""
    bundle = submission(record)
    del bundle["entry"][1]["resource"]["gender"]
    return bundle


def rule_of(issue: dict[str, Any]) -> str:
    return str(issue["details"]["coding"][0]["code"])


def told(outcome: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Id of the submission, and severity and place of each finding but those about completeness; the outcome conforms
    to the guide."""
    assert conformance().profile_issues(outcome, OUTCOME) == []
    first, *found = outcome["issue"]
    told = [issue for issue in found if rule_of(issue) not in COMPLETENESS]
    return first["diagnostics"], [(issue["severity"], issue["expression"][0]) for issue in told]


async def stored(client: Client) -> int:
    return int((await client.get("/fhir/Bundle?_summary=count")).json()["total"])


async def test_a_submission_is_stored_as_it_came_and_answered_with_its_outcome(client: Client) -> None:
    answered = await client.post("/fhir/Bundle", json=submission())
    assert answered.status_code == 201, answered.text
    assert told(answered.json()) == ("sub-1", [("information", "Bundle")])
    kept = (await client.get(answered.headers["location"])).json()
    assert kept["entry"] == submission()["entry"]


async def test_sent_again_it_is_the_same_bundle_and_corrected_its_next_version(client: Client) -> None:
    first = await client.post("/fhir/Bundle", json=submission())
    again = await client.post("/fhir/Bundle", json=submission())
    assert again.status_code == 200
    assert again.headers["location"] == first.headers["location"]
    corrected = await client.post("/fhir/Bundle", json=submission(patient={"gender": "male"}))
    assert corrected.status_code == 200
    assert corrected.headers["location"].endswith("/_history/2")
    assert await stored(client) == 1


async def test_two_senders_may_number_alike(client: Client) -> None:
    other = submission()
    other["entry"][0]["resource"]["source"]["endpoint"] = "https://site2.example.org/fhir"
    assert (await client.post("/fhir/Bundle", json=submission())).status_code == 201
    assert (await client.post("/fhir/Bundle", json=other)).status_code == 201
    assert await stored(client) == 2


async def test_a_submission_that_misses_a_rule_of_the_guide_changes_nothing(idle_client: Client) -> None:
    answered = await idle_client.post("/fhir/Bundle", json=wrong())
    assert answered.status_code == 422
    record, found = told(answered.json())
    assert record == "bad-1"
    assert ("error", "Bundle.entry[1].resource") in found or ("error", "Bundle.entry[1].resource.gender") in found
    assert await stored(idle_client) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"type": "document"},
        {"entry": submission()["entry"][:1]},
        {"entry": submission()["entry"][::-1]},
        {"total": 3},
    ],
    ids=["another type", "nobody", "another order", "a total"],
)
async def test_what_the_profile_or_r4_forbids_is_refused(idle_client: Client, change: dict[str, Any]) -> None:
    answered = await idle_client.post("/fhir/Bundle", json=submission(**change))
    assert answered.status_code == 422, answered.text
    assert any(severity == "error" for severity, _ in told(answered.json())[1])


async def test_data_about_somebody_else_are_refused(idle_client: Client) -> None:
    bundle = submission()
    bundle["entry"][2]["resource"]["subject"]["reference"] = "Patient/somebody-else"
    answered = await idle_client.post("/fhir/Bundle", json=bundle)
    assert told(answered.json())[1] == [("error", "Bundle.entry[2].resource.subject")]


async def test_only_validated_it_is_answered_the_same_way_and_not_stored(idle_client: Client) -> None:
    address = f"/fhir/Bundle/$validate?profile={PROFILE}"
    right = await idle_client.post(address, json=submission())
    assert right.status_code == 200
    assert told(right.json()) == ("sub-1", [("information", "Bundle")])
    bad = await idle_client.post(address, json=wrong())
    assert bad.status_code == 200
    assert any(severity == "error" for severity, _ in told(bad.json())[1])
    assert await stored(idle_client) == 0


async def test_of_a_batch_only_the_bad_ones_are_rejected(client: Client) -> None:
    answered = await client.post("/fhir", json=many("batch", submission("a"), wrong("b"), submission("c")))
    assert answered.status_code == 200, answered.text
    responses = [entry["response"] for entry in answered.json()["entry"]]
    assert [response["status"][:3] for response in responses] == ["201", "422", "201"]
    assert [told(response["outcome"])[0] for response in responses] == ["a", "b", "c"]
    assert await stored(client) == 2


async def test_of_a_transaction_one_bad_one_rejects_all(client: Client) -> None:
    answered = await client.post("/fhir", json=many("transaction", submission("a"), wrong("b")))
    assert answered.status_code in (400, 422)
    places = [issue["expression"][0] for issue in answered.json()["issue"]]
    assert all(place.startswith("Bundle.entry[1].resource.entry[1].resource") for place in places)
    assert await stored(client) == 0


async def test_a_transaction_of_good_ones_is_stored_whole_with_an_outcome_for_each(client: Client) -> None:
    answered = await client.post("/fhir", json=many("transaction", submission("a"), submission("b")))
    assert answered.status_code == 200, answered.text
    responses = [entry["response"] for entry in answered.json()["entry"]]
    assert [response["status"][:3] for response in responses] == ["201", "201"]
    assert [told(response["outcome"])[0] for response in responses] == ["a", "b"]
    again = await client.post("/fhir", json=many("transaction", submission("a"), submission("c")))
    assert [entry["response"]["status"][:3] for entry in again.json()["entry"]] == ["200", "201"]
    assert await stored(client) == 3


async def test_an_update_is_checked_as_well(client: Client) -> None:
    answered = await client.put("/fhir/Bundle/sub-1", json=submission())
    assert answered.status_code == 201
    assert told(answered.json())[0] == "sub-1"
    refused: httpx.Response = await client.put("/fhir/Bundle/bad-1", json=wrong())
    assert refused.status_code == 422
    assert (await client.get("/fhir/Bundle/bad-1")).status_code == 404


async def test_a_bundle_that_claims_nothing_is_stored_like_any_resource(client: Client) -> None:
    plain = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]}
    answered = await client.post("/fhir/Bundle", json=plain)
    assert answered.status_code == 201
    assert answered.json()["resourceType"] == "Bundle"


async def test_another_submission_about_the_patient_is_told_wherever_it_is_sent(client: Client) -> None:
    """By an identifier of the patient; the submission itself, other patients and other Bundles are not told."""

    def same(outcome: dict[str, Any]) -> list[tuple[str, list[str]]]:
        return [
            (issue["severity"], issue["expression"])
            for issue in outcome["issue"][1:]
            if rule_of(issue) == "submission.same-patient"
        ]

    shared = {"identifier": [{"system": "urn:oid:1.2", "value": "9,1"}, {"system": "urn:oid:1.2", "value": "4"}]}
    twin = {"identifier": [{"system": "urn:oid:1.2", "value": "9,1"}]}
    warned = [("warning", ["Bundle.entry[1].resource.identifier"])]
    plain = {name: value for name, value in submission("p", patient=shared).items() if name != "meta"}
    assert (await client.post("/fhir/Bundle", json=plain)).status_code == 201
    first = await client.post("/fhir/Bundle", json=submission("a", patient=shared))
    assert same(first.json()) == []
    assert same((await client.post("/fhir/Bundle", json=submission("a", patient=shared))).json()) == []
    assert same((await client.post("/fhir/Bundle", json=submission("b"))).json()) == []
    checked = await client.post(f"/fhir/Bundle/$validate?profile={PROFILE}", json=submission("c", patient=twin))
    assert same(checked.json()) == warned
    (told,) = [one for one in checked.json()["issue"] if "is the patient of" in one["diagnostics"]]
    stored_as = first.headers["location"].partition("/_history")[0].rpartition("/")[2]
    assert f"is the patient of Bundle/{stored_as} too" in told["diagnostics"]
    batch = await client.post("/fhir", json=many("batch", submission("d", patient=twin)))
    assert same(batch.json()["entry"][0]["response"]["outcome"]) == warned
    lines = encode(submission("e", patient=twin))
    upload = await client.post(
        "/fhir/$registryUpload", content=lines, headers={"content-type": "application/fhir+ndjson"}
    )
    assert same(parse(upload.content)) == warned
    found = await client.get("/fhir/Bundle", params={"patient-identifier": "urn:oid:1.2|9\\,1"})
    assert found.json()["total"] == 4


async def test_cut_off_content_is_refused_as_malformed(idle_client: Client) -> None:
    text = b'{"resourceType": "Bundle", "meta": {"profile": ["%b"' % PROFILE.encode()
    answered = await idle_client.post("/fhir/Bundle", content=text)
    assert answered.status_code == 400


async def findings(client: Client, bundle: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What is found about a submission that is only validated, by its rule."""
    answered = await client.post(f"/fhir/Bundle/$validate?profile={PROFILE}", json=bundle)
    found: dict[str, list[dict[str, Any]]] = {}
    for issue in answered.json()["issue"][1:]:
        found.setdefault(rule_of(issue), []).append(issue)
    return found


async def test_tags_tell_how_much_of_the_data_dictionary_is_answered(idle_client: Client) -> None:
    bundle = submission()
    absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    onset = {"resourceType": "AdverseEvent", "actuality": "actual", "subject": {"reference": PATIENT}}
    onset |= {"meta": {"tag": [{"system": MODEL, "code": "complication.onset"}]}, "_date": {"extension": [absent]}}
    bundle["entry"].append({"fullUrl": "urn:uuid:44444444-1111-4111-8111-111111111111", "resource": onset})
    found = await findings(idle_client, bundle)
    assert any("CaseReport.case.complication.outcome" in one["expression"] for one in found["submission.missing"])
    (unknown,) = found["submission.declared-unknown"]
    assert unknown["expression"] == ["CaseReport.case.complication.onset"]
    assert not {"submission.untagged", "submission.tag"} & found.keys()


async def test_an_untagged_resource_and_a_tag_that_the_dictionary_has_not_are_told(idle_client: Client) -> None:
    bundle = submission()
    bundle["entry"][2]["resource"]["meta"]["tag"][0]["code"] = "procedure.kindd"
    (tag,) = (await findings(idle_client, bundle))["submission.tag"]
    assert tag["severity"] == "warning"
    assert tag["expression"] == ["Bundle.entry[2].resource.meta.tag[0].code"]
    assert "procedure.kind" in tag["diagnostics"]
    del bundle["entry"][2]["resource"]["meta"]
    (untagged,) = (await findings(idle_client, bundle))["submission.untagged"]
    assert untagged["severity"] == "information"
    assert untagged["expression"] == ["Bundle.entry[2].resource.meta.tag"]


async def test_nobody_is_told_that_data_have_no_narrative(idle_client: Client) -> None:
    assert "dom-6" not in await findings(idle_client, submission())


async def test_who_sends_it_and_about_whom_is_asked_for_by_name_also_where_the_structure_is_wrong(
    idle_client: Client,
) -> None:
    bundle = submission()
    bundle["entry"] = bundle["entry"][1:]
    bundle["entry"][1]["resource"]["status"] = "complete"
    found = await findings(idle_client, bundle)
    assert [one["expression"] for one in found["submission.header"]] == [["Bundle.entry[0].resource"]]
    assert "MessageHeader" in found["submission.header"][0]["diagnostics"]
    assert [one["expression"] for one in found["submission.patient"]] == [["Bundle.entry[1].resource"]]
    assert "structure.binding" in found


async def test_of_another_type_nothing_is_told_that_only_follows_from_it(idle_client: Client) -> None:
    found = await findings(idle_client, submission(type="document"))
    errors = [rule for rule, issues in found.items() if issues[0]["severity"] in ("error", "warning")]
    assert errors == ["submission.type"]


async def test_the_tag_of_the_guides_sample_is_told_how_it_is_written(idle_client: Client) -> None:
    bundle = submission()
    bundle["entry"][2]["resource"]["meta"]["tag"] = [{"system": MODEL, "value": "procedure.kind"}]
    (issue,) = (await findings(idle_client, bundle))["structure.unknown-element"]
    assert "write the path as its code" in issue["diagnostics"]
