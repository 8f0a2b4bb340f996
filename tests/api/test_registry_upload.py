"""$registryUpload: a file of submissions, one a line, at once or in the background (HL7's guide CREDS 1.0.0)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import Client
from bulk_client import bulk_client
from filled_forms import filled
from golden_cases import CASES
from submission_bundles import submission

from fhir_service.fhir.json_text import encode, parse
from fhir_service.reports.case_report import to_json
from fhir_service.storage.repository import Repository
from fhir_service.workflows import run_upload, submit_file
from fhir_service.workflows.check_conformance import conformance

UPLOAD = "/fhir/$registryUpload"
NDJSON = "application/fhir+ndjson"
LINES = {"content-type": NDJSON, "accept": NDJSON}
OUTCOME = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSOperationOutcome"
CASE = CASES["every-kind-of-fact"]
JSON = "application/json"


def lines(*submissions: Any) -> bytes:
    return b"".join((one if isinstance(one, bytes) else encode(one)).rstrip(b"\n") + b"\n" for one in submissions)


def in_parameters(content: bytes, content_type: str = NDJSON) -> dict[str, Any]:
    binary = {"resourceType": "Binary", "contentType": content_type, "data": base64.b64encode(content).decode()}
    return {"resourceType": "Parameters", "parameter": [{"name": "input", "resource": binary}]}


def wrong(record: str) -> dict[str, Any]:
    bundle = submission(record)
    del bundle["entry"][1]["resource"]["gender"]
    return bundle


def outcomes(response: httpx.Response) -> list[tuple[str, bool]]:
    """Id of the submission of each line, and whether it was accepted."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == NDJSON
    told = [parse(line) for line in response.content.splitlines()]
    assert all(conformance().profile_issues(one, OUTCOME) == [] for one in told)
    return [
        (one["issue"][0]["diagnostics"], not any(issue["severity"] in ("error", "fatal") for issue in one["issue"]))
        for one in told
    ]


async def test_a_line_is_held_against_a_profile_that_somebody_has_stored(client: Client) -> None:
    url = "http://a.example.net/StructureDefinition/born"
    profile = {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Born",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1}]},
    }
    assert (await client.post("/fhir/StructureDefinition", json=profile)).status_code == 201
    born = {"meta": {"profile": [url]}, "birthDate": "1950"}
    sent = lines(submission("a", patient=born), submission("b", patient={"meta": {"profile": [url]}}))
    assert outcomes(await client.post(UPLOAD, content=sent, headers=LINES)) == [("a", True), ("b", False)]


async def test_a_line_that_is_no_submission_is_told_what_a_line_may_be(idle_client: Client) -> None:
    answered = await idle_client.post(UPLOAD, content=lines({"resourceType": "Patient"}), headers=LINES)
    assert outcomes(answered) == [("line 1", False)]
    told = parse(answered.content)["issue"][1]
    assert told["details"]["coding"][0]["code"] == "submission.structure"
    assert told["diagnostics"].startswith("the line is a Patient; a line is a Bundle")


async def finished(client: Client, address: str) -> httpx.Response:
    """What is answered when the work is done."""
    while (answered := await client.get(address, headers={"accept": NDJSON})).status_code == 202:
        assert answered.headers["x-progress"].endswith(" submissions")
        assert int(answered.headers["retry-after"]) > 0
        await asyncio.sleep(0.005)  # over ASGI nothing else would come to its turn
    return answered


def kept(folder: Path, pattern: str) -> list[Path]:
    return list(folder.rglob(pattern))


async def stored(client: Client, resource_type: str = "Bundle") -> int:
    return int((await client.get(f"/fhir/{resource_type}?_summary=count")).json()["total"])


@pytest_asyncio.fixture
async def background(repository: Repository, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a service that does its jobs."""
    async with bulk_client(repository, tmp_path) as client:
        yield client


async def test_a_file_is_taken_and_its_outcomes_are_asked_for_as_the_guide_has_it(
    background: Client, tmp_path: Path
) -> None:
    client = background
    file = lines(submission("a"), wrong("b"), submission("c"))
    headers = {"prefer": "respond-async", "accept": NDJSON}
    taken = await client.post(UPLOAD, json=in_parameters(file), headers=headers)
    assert taken.status_code == 202, taken.text
    assert taken.json()["issue"][0]["diagnostics"].startswith("3 submissions")
    address = taken.headers["content-location"]
    assert outcomes(await finished(client, address)) == [("a", True), ("b", False), ("c", True)]
    assert await stored(client) == 2
    manifest = (await client.get(address, headers={"accept": JSON})).json()
    assert outcomes(await client.get(manifest["output"][0]["url"], headers={"accept": NDJSON}))[1] == ("b", False)
    assert not kept(tmp_path, "submissions.ndjson")
    assert (await client.delete(address)).status_code == 202
    assert (await client.get(address)).status_code == 404


async def test_a_file_that_was_taken_survives_the_end_of_the_service(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_upload, "_TOGETHER", 1)
    file = lines(submission("a"), wrong("b"), submission("c"), submission("d"))
    submitted, refused = submit_file._outcome, 0

    async def broken(*of: Any) -> bytes:
        nonlocal refused
        refused += 1
        if refused == 3:
            await asyncio.Event().wait()
        return await submitted(*of)

    async with bulk_client(repository, tmp_path) as client:
        monkeypatch.setattr(submit_file, "_AT_ONCE", 1)
        monkeypatch.setattr(submit_file, "_outcome", broken)
        taken = await client.post(UPLOAD, content=file, headers={**LINES, "prefer": "respond-async"})
        address = taken.headers["content-location"]
        while (await client.get(address)).headers["x-progress"] != "2 of 4 submissions":  # noqa: ASYNC110  # asked for as a client does
            await asyncio.sleep(0.005)  # over ASGI nothing else would come to its turn
        assert [one for one, _ in outcomes(await client.get(f"{address}/_outcomes", headers=LINES))] == ["a", "b"]
    monkeypatch.setattr(submit_file, "_outcome", submitted)
    await repository.jobs.release()
    async with bulk_client(repository, tmp_path) as client:
        client._transport.app.state.service.see_to_jobs()  # type: ignore[attr-defined]  # httpx does not tell
        told = outcomes(await finished(client, address))
        assert told == [("a", True), ("b", False), ("c", True), ("d", True)]
        assert await stored(client) == 3


async def test_without_the_preference_the_outcomes_are_the_answer(client: Client) -> None:
    file = lines(submission("a"), wrong("b"), b"", b"{cut off", b"[]", submission("c"))
    answered = await client.post(UPLOAD, content=file, headers=LINES)
    assert outcomes(answered) == [("a", True), ("b", False), ("line 4", False), ("line 5", False), ("c", True)]
    assert await stored(client) == 2


async def test_sent_again_a_file_changes_nothing_and_of_one_identity_the_last_line_counts(client: Client) -> None:
    file = lines(submission("a"), submission("a", patient={"gender": "male"}))
    for _ in range(2):
        assert outcomes(await client.post(UPLOAD, content=file, headers=LINES)) == [("a", True), ("a", True)]
    assert await stored(client) == 1
    (entry,) = (await client.get("/fhir/Bundle")).json()["entry"]
    assert entry["resource"]["entry"][1]["resource"]["gender"] == "male"


async def test_a_line_may_be_a_case_report_or_a_form(client: Client) -> None:
    report = {"source": {"name": "one"}, **parse(to_json(CASE.facts))}
    report = {**report, "source": {"name": "one", "data": base64.b64encode(CASE.report.text.encode()).decode()}}
    file = lines(report, filled(CASE.facts, CASE.report.source), {"resourceType": "Patient"}, {})
    answered = await client.post(UPLOAD, content=file, headers=LINES)
    accepted = [one for _, one in outcomes(answered)]
    assert accepted == [True, True, False, False]
    assert await stored(client, "Patient") == 2


async def test_only_validated_nothing_is_stored(idle_client: Client) -> None:
    file = lines(submission("a"), wrong("b"), {"source": {"name": "x"}, **parse(to_json(CASE.facts))})
    answered = await idle_client.post(f"{UPLOAD}?validate-only=true", content=file, headers=LINES)
    assert [record for record, _ in outcomes(answered)] == ["a", "b", "x"]
    assert "nothing was stored" in answered.text
    assert await stored(idle_client) == 0


async def test_a_file_with_lines_that_are_no_json_is_taken_and_told_so(background: Client) -> None:
    client = background
    headers = {**LINES, "prefer": "respond-async", "accept": "application/fhir+json"}
    taken = await client.post(UPLOAD, content=lines(b"x", submission("a"), b"7"), headers=headers)
    assert taken.status_code == 202
    assert "lines are no JSON object: 1, 3" in taken.json()["issue"][1]["diagnostics"]
    assert len(outcomes(await finished(client, taken.headers["content-location"]))) == 3


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", LINES, 400),
        (b" \n\n", LINES, 400),
        (b"{}\n" * 20_001, LINES, 413),
        (b"{}", {"content-type": "text/csv"}, 415),
        (b'{"resourceType": "Patient"}', {"content-type": JSON}, 400),
        (b'{"resourceType": "Parameters"}', {"content-type": JSON}, 400),
        (encode(in_parameters(b"{}", "text/csv")), {"content-type": JSON}, 400),
        (encode({"resourceType": "Binary", "contentType": NDJSON, "data": "%"}), {"content-type": JSON}, 400),
        (b"{}", {**LINES, "accept": "text/csv"}, 406),
    ],
    ids=["empty", "blank", "a book", "a table", "a Patient", "no input", "another Binary", "no base64", "as a table"],
)
async def test_what_is_no_file_of_submissions_is_refused(
    idle_client: Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    answered = await idle_client.post(UPLOAD, content=content, headers=headers)
    assert answered.status_code == status, answered.text
    assert answered.json()["resourceType"] == "OperationOutcome"


async def test_lines_are_no_format_of_other_answers(idle_client: Client) -> None:
    assert (await idle_client.get("/fhir/Patient", headers={"accept": NDJSON})).status_code == 406


async def test_an_unknown_upload_is_not_found(idle_client: Client) -> None:
    answered = await idle_client.get("/fhir/_upload/nothing", headers={"accept": NDJSON})
    assert answered.status_code == 404
    assert "send the file again" in answered.json()["issue"][0]["diagnostics"]


async def test_more_files_than_the_settings_allow_are_sent_away_with_the_time_to_come_back(
    connect: Callable[..., Client], tmp_path: Path
) -> None:
    many = lines(*(submission(f"s-{number}") for number in range(80)))
    async with connect(max_uploads=1, export_files=str(tmp_path)) as client:
        answers = await asyncio.gather(*(client.post(UPLOAD, content=many, headers=LINES) for _ in range(2)))
        done, refused = sorted(answers, key=lambda one: one.status_code)
        assert len(outcomes(done)) == 80
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        headers = {**LINES, "prefer": "respond-async"}
        taken, refused = [await client.post(UPLOAD, content=many, headers=headers) for _ in range(2)]
        assert (taken.status_code, refused.status_code) == (202, 429)
        assert int(refused.headers["retry-after"]) > 0
        assert len(kept(tmp_path, "*.ndjson")) == 1


async def test_more_submissions_at_once_than_the_settings_allow_are_sent_away(connect: Callable[..., Client]) -> None:
    async with connect(max_submissions=1, max_waiting_submissions=1) as client:
        posted = (client.post("/fhir/Bundle", json=submission(f"s-{number}")) for number in range(6))
        answers = await asyncio.gather(*posted)
        refused = [one for one in answers if one.status_code == 503]
        assert refused
        assert all(int(one.headers["retry-after"]) > 0 for one in refused)
        assert {one.status_code for one in answers} == {201, 503}
        assert await stored(client) == len(answers) - len(refused)
