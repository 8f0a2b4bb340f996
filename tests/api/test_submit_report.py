"""$submit-report: a CaseReport, a form or a text goes into the store, or is refused with everything that is found."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
from api_client import Client
from filled_forms import answer, filled, place
from golden_cases import CASES
from sample_reports import GERMAN, KNEE, KYPHOPLASTY

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.json_text import encode, parse
from fhir_service.reports.case_report import to_json
from fhir_service.workflows.check_conformance import conformance

CASE = CASES["every-kind-of-fact"]
SUBMIT = "/fhir/$submit-report"
JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
PROFILE = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSOperationOutcome"
STORED = ("Patient", "Procedure", "AdverseEvent", "DocumentReference", "Provenance")


def case_report(*, text: bool = True, **source: Any) -> dict[str, Any]:
    """The facts of a report, with its text or without any place in it."""
    content: dict[str, Any] = parse(to_json(CASE.facts))
    stated: dict[str, Any] = {"doi": CASE.report.source.doi, **source}
    if text:
        stated |= {"data": base64.b64encode(CASE.report.text.encode()).decode(), "contentType": "text/plain"}
    return {"source": stated, **(content if text else without_spans(content))}


def without_spans(node: Any) -> Any:
    if isinstance(node, list):
        return [without_spans(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: without_spans(value) for name, value in node.items() if name not in ("span", "denominatorSpan")}


async def submit(
    client: Client, content: Any, query: str = "", headers: dict[str, str] | None = None
) -> httpx.Response:
    body = content if isinstance(content, bytes) else encode(content)
    return await client.post(SUBMIT + query, content=body, headers=headers or JSON)


def outcome(response: httpx.Response) -> list[dict[str, Any]]:
    """The issues of a CREDSOperationOutcome, every one of which conforms to the guide's profile."""
    body = response.json()
    assert conformance().profile_issues(body, PROFILE) == []
    assert all(issue["code"] == "processing" for issue in body["issue"][1:])
    found: list[dict[str, Any]] = body["issue"]
    return found


def rules(response: httpx.Response, severity: str = "error") -> list[tuple[str, str]]:
    """Rule and place of every finding of that severity."""
    return [
        (issue["details"]["coding"][0]["code"], issue["expression"][0])
        for issue in outcome(response)[1:]
        if issue["severity"] == severity
    ]


async def counts(client: Client) -> dict[str, int]:
    return {name: (await client.get(f"/fhir/{name}?_summary=count")).json()["total"] for name in STORED}


async def test_a_case_report_is_stored_as_what_its_text_makes(client: Client) -> None:
    answered = await submit(client, case_report())
    assert answered.status_code == 201, answered.text
    first, *found = outcome(answered)
    assert first == {"severity": "information", "code": "informational", "diagnostics": CASE.report.source.doi}
    assert found[-1]["details"]["coding"] == [
        {"system": f"{DEFAULT_BASE}/CodeSystem/submission-rule", "code": "submission.accepted"}
    ]
    assert rules(answered) == []
    expected = [entry["resource"] for entry in CASE.expected["entry"]]
    patients = [resource["id"] for resource in expected if resource["resourceType"] == "Patient"]
    stored = await counts(client)
    assert stored == {name: sum(one["resourceType"] == name for one in expected) for name in STORED}
    assert (await client.get(f"/fhir/Patient/{patients[0]}")).status_code == 200
    document = (await client.get(answered.headers["location"])).json()
    assert base64.b64decode(document["content"][0]["attachment"]["data"]).decode() == CASE.report.text


async def test_facts_without_a_text_have_no_places_and_are_their_own_document(client: Client) -> None:
    sent = case_report(text=False)
    answered = await submit(client, sent)
    assert answered.status_code == 201, answered.text
    document = (await client.get(answered.headers["location"])).json()
    attachment = document["content"][0]["attachment"]
    assert attachment["contentType"] == "application/json"
    assert base64.b64decode(attachment["data"]) == encode(sent)
    patients = (await client.get("/fhir/Patient")).text
    assert "derivation-reference" not in patients


async def test_sent_again_nothing_is_made_twice_and_nothing_gets_a_new_version(client: Client) -> None:
    await submit(client, case_report())
    before = await counts(client)
    again = await submit(client, case_report())
    assert again.status_code == 200
    assert "nothing differs" in outcome(again)[-1]["diagnostics"]
    assert await counts(client) == before
    patient = (await client.get("/fhir/Patient")).json()["entry"][0]["resource"]
    assert patient["meta"]["versionId"] == "1"


async def test_sent_again_with_a_correction_it_replaces_what_was_sent_before(client: Client) -> None:
    await submit(client, case_report())
    corrected = case_report()
    corrected["case"][0]["sex"]["code"] = "male"
    again = await submit(client, corrected)
    assert again.status_code == 200
    assert "1 updated" in outcome(again)[-1]["diagnostics"]
    patients = (await client.get("/fhir/Patient")).json()["entry"]
    assert [entry["resource"]["gender"] for entry in patients] == ["male"]


async def test_a_dry_run_says_what_would_be_said_and_stores_nothing(idle_client: Client) -> None:
    answered = await submit(idle_client, case_report(), "?validate-only=true")
    assert answered.status_code == 200
    assert "nothing was stored" in outcome(answered)[-1]["diagnostics"]
    wrong = case_report()
    del wrong["case"][0]["id"]
    assert (await submit(idle_client, wrong, "?validate-only=true")).status_code == 200
    assert set((await counts(idle_client)).values()) == {0}


async def test_spans_without_the_text_they_count_in_are_refused(idle_client: Client) -> None:
    sent = {**case_report(), "source": {"doi": "10.1000/x"}}
    answered = await submit(idle_client, sent)
    assert answered.status_code == 422
    ((rule, at),) = rules(answered)
    assert rule == "submission.span-without-text"
    assert at.endswith(".span[0]")


@pytest.mark.parametrize(
    ("element", "value", "where"),
    [
        ("doi", "eleven", "doi"),
        ("pmid", "x", "pmid"),
        ("hash", "AAAA", "hash"),
        ("key", "10.1000/other", "key"),
        ("data", "%%%", "data"),
        ("contentType", "application/pdf", "contentType"),
    ],
)
async def test_what_is_wrong_with_the_source_is_told_at_its_element(
    idle_client: Client, element: str, value: str, where: str
) -> None:
    sent = case_report()
    sent["source"][element] = value
    answered = await submit(idle_client, sent)
    assert answered.status_code == 422
    assert ("submission.source", f"CaseReport.source.{where}") in rules(answered)


async def test_a_span_behind_the_end_of_the_text_is_refused(idle_client: Client) -> None:
    sent = case_report()
    sent["case"][0]["sex"]["span"] = [{"offset": 10, "length": 1_000_000}]
    answered = await submit(idle_client, sent)
    assert rules(answered) == [("submission.span-outside-text", "CaseReport.case[0].sex.span[0]")]


async def test_an_element_that_the_model_has_not_is_not_dropped_in_silence(idle_client: Client) -> None:
    sent = case_report()
    sent["case"][0]["height"] = 170
    answered = await submit(idle_client, sent)
    assert answered.status_code == 422
    assert any(at == "CaseReport.case[0].height" for _, at in rules(answered))
    assert set((await counts(idle_client)).values()) == {0}


async def test_a_reference_to_a_fact_that_nobody_told_of_is_refused(idle_client: Client) -> None:
    sent = case_report()
    sent["case"][0]["complication"][0]["suspect"] = ["1/index-77"]
    answered = await submit(idle_client, sent)
    assert answered.status_code == 422
    assert any(at == "CaseReport.case[0].complication[0].suspect[0]" for _, at in rules(answered))


async def test_a_code_that_is_not_mapped_is_refused_with_those_that_are_near(idle_client: Client) -> None:
    sent = case_report()
    sent["case"][0]["procedure"][0]["kind"]["code"] = "kyphoplasti"
    answered = await submit(idle_client, sent)
    assert answered.status_code == 422
    (issue,) = (one for one in outcome(answered) if one["severity"] == "error")
    assert issue["expression"] == ["CaseReport.case[0].procedure[0].kind.code"]
    assert "kyphoplasty" in issue["diagnostics"]


async def test_what_is_missing_is_told_apart_from_what_is_declared_unknown(idle_client: Client) -> None:
    sent = case_report()
    complication = sent["case"][0]["complication"][0]
    complication.pop("outcome", None)
    complication["onset"] = {"polarity": "unknown"}
    answered = await submit(idle_client, sent, "?validate-only=true")
    told = outcome(answered)[1:]
    by_rule = [(one["details"]["coding"][0]["code"], one) for one in told]
    missing = [at for rule, one in by_rule if rule == "submission.missing" for at in one["expression"]]
    assert "CaseReport.case[0].complication[0].outcome" in missing
    assert "CaseReport.case[0].complication[0].onset" not in missing
    unknown = [one for rule, one in by_rule if rule == "submission.declared-unknown"]
    assert any("CaseReport.case[0].complication[0].onset" in one["expression"] for one in unknown)
    assert any(one["diagnostics"].startswith("complication: 1 of") for one in unknown)
    assert {one["severity"] for one in told} == {"information"}


async def test_a_form_is_submitted_and_what_does_not_fit_is_told_at_its_item(client: Client) -> None:
    sent = filled(CASE.facts, CASE.report.source)
    path = ("case", "case.complication", "case.complication.suspect")
    wrong = filled(CASE.facts, CASE.report.source)
    answer(wrong, *path)["answer"] = [{"valueString": "1/index-77"}]
    fhir = {"content-type": "application/fhir+json"}
    refused = await submit(client, wrong, headers=fhir)
    assert refused.status_code == 422
    assert [at for _, at in rules(refused)] == [f"{place(wrong, *path)}.answer[0].value"]
    accepted = await submit(client, sent, headers=fhir)
    assert accepted.status_code == 201, accepted.text
    assert (await counts(client))["Patient"] == 1


async def test_a_text_is_read_mapped_and_stored_under_the_source_that_is_named(client: Client) -> None:
    answered = await submit(client, KYPHOPLASTY.encode(), "?source=doi:10.1000/X1", TEXT)
    assert answered.status_code == 201, answered.text
    assert outcome(answered)[0]["diagnostics"] == "10.1000/x1"
    document = (await client.get(answered.headers["location"])).json()
    assert document["identifier"][0] == {"system": "https://doi.org", "value": "10.1000/x1"}
    assert (await counts(client))["AdverseEvent"] >= 1


@pytest.mark.parametrize("text", [KNEE, GERMAN, "\n \n", "\x00\x01\x02" * 50], ids=["knee", "german", "empty", "noise"])
async def test_a_text_in_which_nothing_is_read_is_refused_and_says_why(idle_client: Client, text: str) -> None:
    answered = await submit(idle_client, text.encode(), "?source=x", TEXT)
    assert answered.status_code in (400, 422)
    ((rule, _),) = rules(answered)
    assert rule in ("submission.nothing-stated", "submission.unreadable")
    assert set((await counts(idle_client)).values()) == {0}


async def test_the_same_text_under_another_source_is_refused(client: Client) -> None:
    await submit(client, KYPHOPLASTY.encode(), "?source=first", TEXT)
    before = await counts(client)
    answered = await submit(client, KYPHOPLASTY.encode(), "?source=second", TEXT)
    assert answered.status_code == 422
    assert [rule for rule, _ in rules(answered)] == ["submission.same-text"]
    assert await counts(client) == before


async def test_the_same_patient_told_of_in_another_report_is_a_warning(client: Client) -> None:
    await submit(client, KYPHOPLASTY.encode(), "?source=first", TEXT)
    retold = KYPHOPLASTY.replace("Cement leakage after kyphoplasty", "A leak")
    answered = await submit(client, retold.encode(), "?source=second", TEXT)
    assert answered.status_code == 201
    assert ("submission.same-patient", "CaseReport.case[0]") in rules(answered, "warning")
    other = retold.replace("71-year-old", "55-year-old")
    answered = await submit(client, other.encode(), "?source=third", TEXT)
    assert "submission.same-patient" not in [rule for rule, _ in rules(answered, "warning")]
    again = await submit(client, KYPHOPLASTY.encode(), "?source=alone", TEXT)
    assert again.status_code == 422


async def test_a_text_without_a_source_is_kept_under_its_fingerprint_with_a_warning(client: Client) -> None:
    answered = await submit(client, KYPHOPLASTY.encode(), headers=TEXT)
    assert answered.status_code == 201
    assert "submission.no-identifier" in [rule for rule, _ in rules(answered, "warning")]
    assert len(outcome(answered)[0]["diagnostics"]) == 64


async def test_report_and_inputs_may_come_in_parameters(idle_client: Client) -> None:
    binary = {
        "resourceType": "Binary",
        "contentType": "text/plain",
        "data": base64.b64encode(KYPHOPLASTY.encode()).decode(),
    }
    parameters = [
        {"name": "report", "resource": binary},
        {"name": "source", "valueString": "PMID 123"},
        {"name": "validate-only", "valueBoolean": True},
    ]
    answered = await submit(idle_client, {"resourceType": "Parameters", "parameter": parameters})
    assert answered.status_code == 200, answered.text
    assert outcome(answered)[0]["diagnostics"] == "123"


@pytest.mark.parametrize(
    ("content", "query", "headers", "status"),
    [
        (b"{}", "?nonsense=1", JSON, 400),
        (b"{}", "?source=x", JSON, 400),
        (b'{"resourceType": "Patient"}', "", JSON, 400),
        (b'{"resourceType": "Parameters"}', "", JSON, 400),
        (b"x", "", {"content-type": "application/pdf"}, 415),
        (b"word " * 200_000, "", TEXT, 413),
        (b"x", "", {**TEXT, "origin": "https://elsewhere.example.org"}, 403),
    ],
    ids=[
        "an unknown input",
        "a source beside a CaseReport",
        "another resource",
        "no report",
        "a PDF",
        "a book",
        "a foreign page",
    ],
)
async def test_a_call_that_is_no_submission_is_refused_as_any_other(
    idle_client: Client, content: bytes, query: str, headers: dict[str, str], status: int
) -> None:
    assert (await submit(idle_client, content, query, headers)).status_code == status


@pytest.mark.parametrize(
    "content",
    [
        encode(case_report())[:-20],
        b"[" * 100_000,
        b"[]",
        b"7",
        b"{}",
        b'{"case": 7}',
        b'{"case": [{"number": 1e400}]}',
        b'{"case": [{"sex": {"code": "\xff"}}]}',
        b'{"case": [], "case": []}',
    ],
    ids=[
        "cut off",
        "nested",
        "a list",
        "a number",
        "nothing",
        "another type",
        "a huge number",
        "no UTF-8",
        "a key twice",
    ],
)
async def test_hostile_content_is_told_as_a_finding(idle_client: Client, content: bytes) -> None:
    answered = await submit(idle_client, content)
    assert answered.status_code in (400, 422)
    assert rules(answered) or rules(answered, "fatal")
    assert "Traceback" not in answered.text


async def test_the_same_report_submitted_many_times_at_once_is_stored_once(client: Client) -> None:
    answers = await asyncio.gather(*(submit(client, case_report()) for _ in range(4)))
    assert {answered.status_code for answered in answers} <= {200, 201}
    assert (await counts(client))["Patient"] == 1


async def test_of_the_same_text_under_two_sources_at_once_one_is_refused(client: Client) -> None:
    sent = (submit(client, KYPHOPLASTY.encode(), f"?source=name-{number}", TEXT) for number in range(3))
    answers = await asyncio.gather(*sent)
    assert sorted(answered.status_code for answered in answers) == [201, 422, 422]
    refused = [answered for answered in answers if answered.status_code == 422]
    assert all([rule for rule, _ in rules(answered)] == ["submission.same-text"] for answered in refused)
    assert (await counts(client))["DocumentReference"] == 1


async def test_who_read_the_facts_is_kept_as_it_is_stated(client: Client) -> None:
    sent = case_report() | {"extractor": {"name": "Reader of site 1", "version": "7.2"}}
    assert (await submit(client, sent)).status_code == 201
    (device,) = (await client.get("/fhir/Device?device-name=Reader of site 1")).json()["entry"]
    assert device["resource"]["version"][0]["value"] == "7.2"


@pytest.mark.parametrize(
    ("extractor", "place"),
    [
        ({"name": "x"}, "CaseReport.extractor"),
        ({"name": "x", "version": 7}, "CaseReport.extractor.version"),
        ({"name": "", "version": "1"}, "CaseReport.extractor.name"),
        ("x", "CaseReport.extractor"),
    ],
    ids=["no version", "a number", "no name", "a text"],
)
async def test_a_reader_of_another_shape_is_refused_at_its_place(
    idle_client: Client, extractor: Any, place: str
) -> None:
    answered = await submit(idle_client, case_report() | {"extractor": extractor})
    assert answered.status_code == 422
    assert [at for _, at in rules(answered)] == [place]


async def test_what_only_follows_from_another_fault_is_not_told(idle_client: Client) -> None:
    sent = case_report()
    sent["case"][0]["procedure"][0]["kind"]["code"] = "kyphoplasti"
    sent["case"][0]["age"] = {"id": "1/age", "value": "71", "unit": "a"}
    answered = await submit(idle_client, sent)
    places = {"CaseReport.case[0].procedure[0].kind.code", "CaseReport.case[0].age.value"}
    assert {at for _, at in rules(answered)} == places
    assert not {at for _, at in rules(answered, "warning")} & {*places, "CaseReport.case[0].age"}


async def test_an_element_of_the_source_that_is_misspelt_is_told_with_the_nearest_and_all_else(
    idle_client: Client,
) -> None:
    answered = await submit(idle_client, case_report(titel="x", doi="10/abc"))
    found = {at: one for one in outcome(answered)[1:] for at in one["expression"]}
    assert "title" in found["CaseReport.source.titel"]["diagnostics"]
    assert "write it as" in found["CaseReport.source.doi"]["diagnostics"]
