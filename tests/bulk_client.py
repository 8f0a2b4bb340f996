"""An export as a client of Bulk Data Access sees it: begun, asked for until it is done, its files fetched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import JSON as CONTENT
from api_client import Client, InProcess, settings

from fhir_service.api.app import create_app
from fhir_service.storage.repository import Repository

ASYNC = {"accept": "application/fhir+json", "prefer": "respond-async"}
JSON = "application/json"
Manifest = dict[str, Any]
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what is the same on every database."""


@asynccontextmanager
async def bulk_client(repository: Repository, files: Path | str, **changes: Any) -> AsyncIterator[Client]:
    """A client of an application that keeps its files there, and does its jobs until this is left."""
    app = create_app(
        settings(**{"export_files": str(files), "export_polls": 1e6, "run_jobs": True} | changes), repository
    )
    transport = InProcess(app)
    async with Client(transport=transport, base_url="http://localhost", headers=CONTENT) as client:
        try:
            yield client
        finally:
            await app.state.service.end_jobs()


async def put(client: Client, *resources: dict[str, Any]) -> None:
    """Store each under its id."""
    for one in resources:
        answered = await client.put(f"/fhir/{one['resourceType']}/{one['id']}", json=one)
        assert answered.status_code in (200, 201), answered.text


async def kicked_off(client: Client, path: str, **headers: str) -> str:
    """The status URL."""
    answered = await client.get(f"/fhir/{path}", headers=ASYNC | headers)
    assert answered.status_code == 202, answered.text
    return str(answered.headers["content-location"])


async def finished(client: Client, status_url: str, **headers: str) -> httpx.Response:
    """What is answered when it is no longer under way."""
    while (answered := await client.get(status_url, headers={"accept": JSON} | headers)).status_code == 202:
        assert int(answered.headers["retry-after"]) > 0
        assert 0 < len(answered.headers["x-progress"]) < 100
        await asyncio.sleep(0.005)
    return answered


async def manifest_of(client: Client, status_url: str) -> Manifest:
    answered = await finished(client, status_url)
    assert answered.status_code == 200, answered.text
    assert answered.headers["content-type"] == JSON
    found: Manifest = answered.json()
    return found


async def exported(client: Client, path: str, **headers: str) -> Manifest:
    return await manifest_of(client, await kicked_off(client, path, **headers))


async def lines_of(client: Client, manifest: Manifest, part: str = "output") -> list[dict[str, Any]]:
    """Every resource in the files of one part of the manifest, which hold as many of that type as it says."""
    found = []
    for item in manifest[part]:
        answered = await client.get(item["url"], headers={"accept": "application/fhir+ndjson"})
        assert answered.status_code == 200, answered.text
        assert answered.headers["content-type"] == "application/fhir+ndjson"
        lines = [json.loads(line) for line in answered.content.splitlines()]
        assert len(lines) == item["count"]
        assert {line["resourceType"] for line in lines} == {item["type"]}
        found += lines
    return found


async def keys_of(client: Client, manifest: Manifest) -> list[str]:
    """`Type/id` of all output, sorted."""
    return sorted(f"{one['resourceType']}/{one['id']}" for one in await lines_of(client, manifest))


async def deleted_of(client: Client, manifest: Manifest) -> list[str]:
    """`Type/id` of all that is told to be deleted, sorted."""
    bundles = await lines_of(client, manifest, "deleted")
    assert all(bundle["type"] == "transaction" for bundle in bundles)
    requests = [entry["request"] for bundle in bundles for entry in bundle["entry"]]
    assert {request["method"] for request in requests} <= {"DELETE"}
    return sorted(request["url"] for request in requests)
