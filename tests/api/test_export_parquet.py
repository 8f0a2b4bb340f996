"""Exports as Parquet: the resources byte for byte, and the flat registry table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import pytest_asyncio
from api_client import Client, observation, patient
from bulk_client import bulk_client, deleted_of, exported, on_sqlite, put
from golden_cases import ROOT

from fhir_service.storage.repository import Repository

pytestmark = on_sqlite
FORMAT = "_outputFormat=application/vnd.apache.parquet"


@pytest_asyncio.fixture
async def bulk(repository: Repository, tmp_path: Path) -> AsyncIterator[Client]:
    async with bulk_client(repository, tmp_path / "exports", export_file_bytes=2000) as client:
        yield client


async def rows_of(client: Client, item: dict[str, Any], folder: Path) -> list[tuple[Any, ...]]:
    answered = await client.get(item["url"])
    assert answered.headers["content-type"] == "application/vnd.apache.parquet"
    file = folder / "fetched.parquet"
    file.write_bytes(answered.content)
    with duckdb.connect() as database:
        rows = database.execute(f"SELECT * FROM '{file}'").fetchall()
    assert len(rows) == item["count"]
    return rows


@pytest.mark.rule("BULK-PAR-1")
async def test_resources_come_as_tables_of_their_stored_bytes(bulk: Client, tmp_path: Path) -> None:
    await put(bulk, patient(id="p"), *(observation("p", id=f"o{number}") for number in range(20)))
    await put(bulk, observation("p", id="exact", valueQuantity={"value": 8.0}, note=[{"text": 'ä "q" \\'}]))
    manifest = await exported(bulk, f"$export?_type=Patient,Observation&{FORMAT}")
    rows = [row for item in manifest["output"] for row in await rows_of(bulk, item, tmp_path)]
    assert len([item for item in manifest["output"] if item["type"] == "Observation"]) > 1
    assert len(rows) == 22
    kind, name, changed, text = next(row for row in rows if row[1] == "exact")
    stored = await bulk.get("/fhir/Observation/exact")
    assert (kind, name, text.encode()) == ("Observation", "exact", stored.content)
    assert changed == datetime.fromisoformat(stored.json()["meta"]["lastUpdated"])
    assert "extension" not in manifest  # without all types there is no registry table


async def test_the_registry_table_comes_with_a_whole_export(bulk: Client, tmp_path: Path) -> None:
    bundle = (ROOT / "every-kind-of-fact" / "bundle.json").read_bytes()
    assert (await bulk.post("/fhir", content=bundle)).status_code == 200
    manifest = await exported(bulk, f"$export?{FORMAT}")
    (item,) = manifest["extension"]["registryTable"]
    events = sum(entry["count"] for entry in manifest["output"] if entry["type"] == "AdverseEvent")
    assert len(await rows_of(bulk, item, tmp_path)) == events > 0


async def test_what_was_deleted_is_told_in_lines(bulk: Client) -> None:
    await put(bulk, patient(id="p"), patient(id="gone"))
    then = (await exported(bulk, "$export"))["transactionTime"]
    await bulk.delete("/fhir/Patient/gone")
    manifest = await exported(bulk, f"$export?_since={then}&{FORMAT}")
    assert await deleted_of(bulk, manifest) == ["Patient/gone"]
