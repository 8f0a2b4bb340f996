"""What is told of an export, and the links to its files: partial manifests, signed links, the ballot of 4.0.0."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_client import BASE, Client, issues, observation, patient
from bulk_client import (
    ASYNC,
    bulk_client,
    deleted_of,
    exported,
    finished,
    keys_of,
    kicked_off,
    lines_of,
    on_sqlite,
    put,
)
from smart_client import JWKS, secured, token

from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.jobs import ATTEMPTS
from fhir_service.storage.repository import Repository
from fhir_service.workflows.do_jobs import JobSettings, exports_of
from fhir_service.workflows.export_request import KIND
from fhir_service.workflows.job_runner import JobLimits, Work

LIMITS = JobLimits()


@pytest_asyncio.fixture
async def bulk(repository: Repository, tmp_path: Path) -> AsyncIterator[Client]:
    async with bulk_client(repository, tmp_path / "exports", export_file_bytes=2000) as client:
        yield client


async def one_shard(repository: Repository, folder: Path) -> bool:
    """Do the next shard of whatever is begun; whether there was one."""
    claim = await repository.jobs.claim("test", LIMITS.lease, (KIND,))
    if claim is not None:
        await exports_of(repository, JobSettings(str(folder))).run(Work(claim, repository.jobs, LIMITS))
    return claim is not None


async def pages_from(client: Client, address: str) -> list[dict[str, Any]]:
    """The manifests that are there, each followed by the link of the one before."""
    pages: list[dict[str, Any]] = []
    following: str | None = address
    while following is not None:
        answered = await client.get(following)
        assert answered.status_code in (200, 202)
        if not answered.content:
            break
        assert answered.headers["content-type"] == "application/json"
        pages.append(answered.json())
        links = pages[-1].get("link", [])
        assert [link["relation"] for link in links] in ([], ["next"])
        following = links[0]["url"] if links else None
    return pages


def unlinked(page: dict[str, Any]) -> dict[str, Any]:
    """A manifest but for its link and what renews the URLs of its files."""
    kept = json.loads(json.dumps(page))
    kept.pop("link", None)
    for item in (*kept["output"], *kept["deleted"], *kept["error"]):
        item["url"] = item["url"].partition("?")[0]
    return kept


@on_sqlite
@pytest.mark.rule("BULK-ST-2", "BULK-ST-3")
async def test_partial_manifests_are_linked_and_do_not_change(repository: Repository, tmp_path: Path) -> None:
    async with bulk_client(repository, tmp_path, run_jobs=False) as client:
        await put(client, patient(id="p"), observation("p", id="o"), observation("p", id="gone"))
        await put(client, {"resourceType": "Device", "id": "d"})
        then = (await client.get("/fhir/Patient/p")).json()["meta"]["lastUpdated"]
        await client.delete("/fhir/Observation/gone")
        lenient = {"prefer": "respond-async, handling=lenient"}
        query = f"$export?allowPartialManifests=true&_since={then[:10]}&_typo=x"
        address = await kicked_off(client, query, **lenient)
        seen: list[dict[str, Any]] = []
        statuses = []
        while await one_shard(repository, tmp_path):
            statuses.append((await client.get(address)).status_code)
            pages = await pages_from(client, address)
            assert [unlinked(page) for page in pages[: len(seen)]] == [unlinked(page) for page in seen]
            for page in pages:  # its files are there before the end
                assert await lines_of(client, page) + await lines_of(client, page, "deleted")
            seen = pages if pages else seen
        assert statuses[:-1] == [202] * (len(statuses) - 1)
        assert (await client.get(f"{address}?page={len(seen) + 1}")).status_code == 404
        found = [key for page in seen for key in await keys_of(client, page)]
        assert sorted(found) == ["Device/d", "Observation/o", "Patient/p"]
        assert [gone for page in seen for gone in await deleted_of(client, page)] == ["Observation/gone"]
        assert len(seen) == 4
        common = ("transactionTime", "request", "requiresAccessToken")
        assert all([page[name] for name in common] == [seen[0][name] for name in common] for page in seen)
        assert [len(await lines_of(client, page, "error")) for page in seen] == [1] * len(seen)


@on_sqlite
async def test_without_leave_for_it_nothing_is_told_before_the_end(repository: Repository, tmp_path: Path) -> None:
    async with bulk_client(repository, tmp_path, run_jobs=False) as client:
        await put(client, patient(id="p"))
        address = await kicked_off(client, "$export")
        await one_shard(repository, tmp_path)
        answered = await client.get(address)
        assert (answered.status_code, answered.content) == (202, b"")


@on_sqlite
@pytest.mark.rule("BULK-ST-5", "BULK-KO-2")
async def test_a_failed_export_answers_an_outcome(repository: Repository, tmp_path: Path) -> None:
    async with bulk_client(repository, tmp_path, run_jobs=False) as client:
        for prefer, status in (("", 500), ("respond-async, separate-export-status", 200)):
            begun = await client.get("/fhir/$export", headers={"prefer": prefer} if prefer else {})
            assert begun.status_code == 202
            for _ in range(ATTEMPTS):
                claim = await repository.jobs.claim("test", LIMITS.lease, (KIND,))
                assert claim is not None
                await repository.jobs.fail(claim, "the disk is full", kept=LIMITS.kept)
                await repository.jobs.release()
            failed = await client.get(begun.headers["content-location"])
            assert failed.status_code == status
            assert issues(failed)[0]["diagnostics"] == "the disk is full"
            if prefer:
                assert failed.headers["x-export-status"].startswith("500")


@on_sqlite
@pytest.mark.rule("BULK-FILE-3", "BULK-EXP-1")
async def test_a_link_is_good_for_its_file_and_for_a_time_and_the_manifest_renews_it(
    bulk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(bulk, patient(id="p"), observation("p", id="o"))
    address = await kicked_off(bulk, "$export")
    done = await finished(bulk, address)
    assert done.headers["expires"].endswith("GMT")
    first, second = done.json()["output"]
    assert (await bulk.get(first["url"])).status_code == 200
    path, _, query = first["url"].partition("?")
    other = second["url"].partition("?")[0]
    for url in (path, f"{other}?{query}", f"{path}?{query[:-1]}", f"{path}?expires=99999999999&signature={'0' * 64}"):
        refused = await bulk.get(url)
        assert refused.status_code == 403, url
        assert issues(refused)
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    assert (await bulk.get(first["url"])).status_code == 403
    assert (await bulk.get((await bulk.get(address)).json()["output"][0]["url"])).status_code == 200


@on_sqlite
async def test_with_tokens_links_are_signed_where_the_settings_say_so(repository: Repository, tmp_path: Path) -> None:
    await repository.clients.add(Registered("reader", "", "system/*.rs system/*.cud", jwks=json.dumps(JWKS)))
    more = {
        "run_jobs": True,
        "export_files": str(tmp_path),
        "export_polls": 1e6,
        "export_links": "signed",
        "audit": "off",
    }
    async with secured(repository, **more) as client:
        mine = await token(client, "reader", "system/*.rs system/*.cud")
        created = await client.post("/fhir/Patient", json=patient(), headers=mine)
        assert created.status_code == 201
        begun = await client.get("/fhir/$export", headers=ASYNC | mine)
        done = (await finished(client, begun.headers["content-location"], **mine)).json()
        assert done["requiresAccessToken"] is False
        (item,) = done["output"]
        assert (await client.get(item["url"])).status_code == 200
        assert (await client.get(item["url"].partition("?")[0])).status_code == 401
        assert (await client.get(f"{begun.headers['content-location']}?signature=x")).status_code == 401
        await client._transport.app.state.service.end_jobs()  # type: ignore[attr-defined]  # the ASGI transport's


@on_sqlite
async def test_the_ballot_of_the_next_release_where_the_settings_say_so(repository: Repository, tmp_path: Path) -> None:
    async with bulk_client(repository, tmp_path, export_guide="4.0.0-ballot") as client:
        await put(client, patient(id="p"), observation("p", id="o"))
        refused = await client.get("/fhir/$export", headers=ASYNC)
        assert refused.status_code == 405
        assert refused.headers["allow"] == "POST"
        associated = {"name": "includeAssociatedData", "valueCoding": {"code": "LatestProvenanceResources"}}
        types = [{"name": "_type", "valueString": one} for one in ("Patient", "Observation")]
        body = {"resourceType": "Parameters", "parameter": [*types, associated]}
        begun = await client.post("/fhir/$export", json=body, headers=ASYNC)
        assert begun.status_code == 202, begun.text
        manifest = (await finished(client, begun.headers["content-location"])).json()
        assert manifest.keys() == {
            *("manifestType", "transactionTime", "outputFormat", "requiresAccessToken"),
            *("output", "deleted", "outcome"),
        }
        assert sorted(item["type"] for item in manifest["output"]) == ["Observation", "Patient"]
        both = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Patient,Observation"}]}
        assert (await client.post("/fhir/$export", json=both, headers=ASYNC)).status_code == 400


def provenance(name: str, recorded: str, *targets: str) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": name,
        "recorded": recorded,
        "agent": [{"who": {"display": "x"}}],
        "target": [{"reference": target} for target in targets],
    }


@pytest.mark.rule("BULK-PAR-6")
async def test_the_latest_provenance_is_the_last_recorded_of_each_resource(bulk: Client) -> None:
    await put(
        bulk,
        *(patient(id="p"), observation("p", id="a"), observation("p", id="b")),
        provenance("first", "2026-01-01T00:00:00Z", "Observation/a"),
        provenance("last-of-a", "2026-02-01T00:00:00+01:00", "Observation/a"),
        provenance("of-both", "2026-01-15T00:00:00Z", "Observation/a", f"{BASE}/Observation/b"),
        provenance("of-nothing", "2026-03-01T00:00:00Z", "Observation/lost"),
    )
    latest = "includeAssociatedData=LatestProvenanceResources"
    relevant = "&includeAssociatedData=RelevantProvenanceResources"
    for path in ("$export?", "Patient/$export?", "$export?_type=Observation&"):
        found = await keys_of(bulk, await exported(bulk, path + latest))
        assert [key for key in found if "Provenance" in key] == ["Provenance/last-of-a", "Provenance/of-both"], path
    larger = await keys_of(bulk, await exported(bulk, f"Patient/$export?{latest}{relevant}"))
    of_a = ["Provenance/first", "Provenance/last-of-a", "Provenance/of-both"]
    assert [key for key in larger if "Provenance" in key] == of_a
