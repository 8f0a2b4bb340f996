"""Exports whose files are kept in an object store."""

from __future__ import annotations

import pytest
from api_client import observation, patient
from bulk_client import bulk_client, exported, keys_of, kicked_off, manifest_of, put
from object_store import bucket

from fhir_service.storage.repository import Repository


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_files_in_an_object_store_are_fetched_in_ranges_and_removed_with_their_export(
    repository: Repository,
) -> None:
    with bucket() as place:
        async with bulk_client(repository, place, export_file_bytes=2000) as client:
            await put(client, patient(id="p"), *(observation("p", id=f"o{number}") for number in range(12)))
            keys = sorted(["Patient/p", *(f"Observation/o{number}" for number in range(12))])
            assert await keys_of(client, await exported(client, "$export")) == keys
            blocks = await exported(client, "$export?organizeOutputBy=Patient")
            assert sum(item["count"] for item in blocks["output"]) >= len(keys) + 1
            address = await kicked_off(client, "$export?_type=Patient&_outputFormat=application/vnd.apache.parquet")
            (item,) = (await manifest_of(client, address))["output"]
            whole = await client.get(item["url"])
            assert whole.content.startswith(b"PAR1")
            part = await client.get(item["url"], headers={"range": "bytes=4-11"})
            assert (part.status_code, part.content) == (206, whole.content[4:12])
