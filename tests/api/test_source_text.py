"""source_text=withhold: what a report makes is stored, and none of its words."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_client import Client
from changed_maps import remapping
from filled_forms import filled
from golden_cases import CASES
from sample_reports import KYPHOPLASTY
from sqlalchemy import text

from fhir_service.fhir.errors import UnprocessableContent
from fhir_service.fhir.json_text import encode, parse
from fhir_service.reports.case_report import to_json
from fhir_service.reports.report import Report, Source
from fhir_service.storage.engines import open_engine
from fhir_service.storage.repository import Repository
from fhir_service.workflows.check_conformance import all_issues, conformance
from fhir_service.workflows.remap_report import remap_report

Connect = Callable[..., Client]
SUBMIT = "/fhir/$submit-report"
WORDS_IN_A_ROW = 3
FORM = "application/fhir+json"
CASE = CASES["every-kind-of-fact"]
CITED = "Invented Cases"
OF_CODES = ("display", "code", "system", "url", "reference", "div")


def words(content: str) -> list[str]:
    return re.findall(r"[a-z0-9.]+", content.lower())


def runs(content: str) -> set[tuple[str, ...]]:
    """Every so many words that follow each other."""
    found = words(content)
    return {tuple(found[start : start + WORDS_IN_A_ROW]) for start in range(len(found) - WORDS_IN_A_ROW + 1)}


def strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, name)
    elif isinstance(value, str):
        yield name, value


def copied(resources: list[dict[str, Any]], report: str) -> list[tuple[str, str]]:
    """What stands in the resources as it stands in the report, the displays of codes aside."""
    said = runs(report)
    return [
        (name, value)
        for resource in resources
        for name, value in strings(resource)
        if name not in OF_CODES and value != CITED and (runs(value) & said or value in ("died", "alendronate"))
    ]


async def everything(client: Client) -> list[dict[str, Any]]:
    found = (
        await client.get(
            "/fhir?_type=Patient,Observation,Condition,Procedure,AdverseEvent,Device,Group"
            ",DocumentReference,Provenance,DetectedIssue&_count=500"
        )
    ).json()
    return [entry["resource"] for entry in found["entry"]]


def submission() -> tuple[bytes, str]:
    data = base64.b64encode(CASE.report.text.encode()).decode()
    source = {"doi": CASE.report.source.doi, "journal": CITED, "data": data, "contentType": "text/plain"}
    return encode({"source": source, **parse(to_json(CASE.facts))}), CASE.report.text


SENT = {
    "a text": (KYPHOPLASTY.encode(), "text/plain; charset=utf-8", KYPHOPLASTY, "?source=case-7"),
    "a case report": (submission()[0], "application/json", submission()[1], ""),
}


@pytest.mark.parametrize("kind", SENT)
async def test_no_words_of_a_report_are_stored(connect: Connect, kind: str) -> None:
    body, content_type, report, query = SENT[kind]
    async with connect(source_text="withhold") as client:
        answer = await client.post(SUBMIT + query, content=body, headers={"content-type": content_type})
        assert answer.status_code == 201, answer.text
        resources = await everything(client)
    assert len(resources) > 5
    assert copied(resources, report) == []
    for resource in resources:
        assert [one for one in all_issues(resource, conformance()) if one.severity in ("error", "fatal")] == []


async def test_with_store_the_same_words_are_there(connect: Connect) -> None:
    body, content_type, report, query = SENT["a case report"]
    async with connect() as client:
        await client.post(SUBMIT + query, content=body, headers={"content-type": content_type})
        assert copied(await everything(client), report)


async def test_hash_and_places_and_codes_are_left(connect: Connect) -> None:
    body, content_type, report, query = SENT["a text"]
    async with connect(source_text="withhold") as client:
        answer = await client.post(SUBMIT + query, content=body, headers={"content-type": content_type})
        document = (await client.get(answer.headers["location"])).json()
        (attachment,) = [content["attachment"] for content in document["content"]]
        assert attachment["hash"] == Report(text=report, source=Source(name="case-7")).attachment_hash
        assert "data" not in attachment
        assert attachment["_data"]["extension"][0]["valueCode"] == "masked"
        volumes = (await client.get("/fhir/Observation?code=cement-volume")).json()["entry"]
        (volume,) = [entry["resource"] for entry in volumes]
        assert volume["valueQuantity"]["value"] == 4.5
        (span,) = [one for one in volume["extension"] if one["url"].endswith("derivation-reference")]
        parts = {part["url"]: part.get("valueInteger") for part in span["extension"]}
        assert report[parts["offset"] : parts["offset"] + parts["length"]].startswith("4.5 mL")


async def test_the_tables_hold_no_word_either(connect: Connect, database_url: str) -> None:
    body, content_type, _, query = SENT["a text"]
    async with connect(source_text="withhold") as client:
        await client.post(SUBMIT + query, content=body, headers={"content-type": content_type})
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        readings = (await connection.execute(text("SELECT reading FROM loaded_report"))).scalars().all()
        texts = (await connection.execute(text("SELECT text FROM resource_version"))).scalars().all()
    await engine.dispose()
    assert readings == [None]
    assert not [one for one in texts if "weakness" in one or "polymethylmethacrylate was" in one]


async def test_files_of_submissions_are_withheld_too(connect: Connect) -> None:
    body, _, report, _ = SENT["a case report"]
    async with connect(source_text="withhold") as client:
        answer = await client.post(
            "/fhir/$registryUpload", content=body + b"\n", headers={"content-type": "application/fhir+ndjson"}
        )
        assert answer.status_code == 200, answer.text
        resources = await everything(client)
    assert len(resources) > 5
    assert copied(resources, report) == []


async def test_a_form_is_its_own_document_and_is_withheld(connect: Connect) -> None:
    async with connect(source_text="withhold") as client:
        answer = await client.post(SUBMIT, content=encode(filled(CASE.facts)), headers={"content-type": FORM})
        assert answer.status_code == 201, answer.text
        document = (await client.get(answer.headers["location"])).json()
        assert "data" not in document["content"][0]["attachment"]


async def test_sent_again_nothing_changes(connect: Connect) -> None:
    body, content_type, _, query = SENT["a case report"]
    async with connect(source_text="withhold") as client:
        await client.post(SUBMIT + query, content=body, headers={"content-type": content_type})
        again = await client.post(SUBMIT + query, content=body, headers={"content-type": content_type})
        assert again.status_code == 200
        assert "nothing differs" in again.text


async def test_what_was_withheld_is_mapped_anew_from_its_file_only(connect: Connect, repository: Repository) -> None:
    body, content_type, _, query = SENT["a text"]
    async with connect(source_text="withhold") as client:
        await client.post(SUBMIT + query, content=body, headers={"content-type": content_type})
    (key,) = await repository.reports.sources()
    with pytest.raises(UnprocessableContent, match="load its file once more"):
        await remap_report(repository, key, remapping())
