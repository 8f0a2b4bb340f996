"""`organizeOutputBy`: files of blocks, each a resource of a type with what refers to it (Bulk Data Access 3.0.0)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_client import Client, issues, observation, patient
from bulk_client import ASYNC, bulk_client, deleted_of, exported, lines_of, on_sqlite, put

from fhir_service.storage.repository import Repository
from fhir_service.workflows import block_writing

pytestmark = on_sqlite
FILE_BYTES = 2000
SOFTWARE = [{"who": {"reference": "Device/software"}}]
ABOUT = {"resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z", "agent": SOFTWARE}


@pytest_asyncio.fixture
async def bulk(repository: Repository, tmp_path: Path) -> AsyncIterator[Client]:
    async with bulk_client(repository, tmp_path / "exports", export_file_bytes=FILE_BYTES) as client:
        yield client


async def files_of(client: Client, manifest: dict[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each item with the lines of its file."""
    found = []
    for item in manifest["output"]:
        lines = [json.loads(line) for line in (await client.get(item["url"])).content.splitlines()]
        assert len(lines) == item["count"]
        found.append((item, lines))
    return found


async def blocks_of(client: Client, manifest: dict[str, Any]) -> dict[str, list[str]]:
    """By header what stands under it, over all files."""
    found: dict[str, list[str]] = defaultdict(list)
    header = ""
    for _, lines in await files_of(client, manifest):
        for line in lines:
            if line["resourceType"] == "Parameters":
                (parameter,) = line["parameter"]
                assert parameter["name"] == "header"
                header = parameter["valueReference"]["reference"]
            else:
                found[header].append(f"{line['resourceType']}/{line['id']}")
    return dict(found)


def told(lines: list[dict[str, Any]]) -> str:
    return " ".join(issue["diagnostics"] for line in lines for issue in line["issue"])


@pytest.mark.rule("BULK-FILE-5", "BULK-FILE-7")
async def test_a_block_is_the_header_the_resource_it_names_and_whatever_refers_to_that(bulk: Client) -> None:
    shared = observation("p1", id="shared", performer=[{"reference": "Patient/p2"}])
    absolute = observation(id="absolute", subject={"reference": "http://localhost/fhir/Patient/p2"})
    await put(
        bulk,
        *(patient(id="p1"), patient(id="p2"), patient(id="alone"), {"resourceType": "Device", "id": "software"}),
        *(observation("p1", id="o1"), shared, absolute, observation(id="nobodys"), observation("lost", id="dangling")),
        {**ABOUT, "id": "told", "target": [{"reference": "Observation/o1"}]},
    )
    manifest = await exported(bulk, "$export?organizeOutputBy=Patient")
    assert manifest["outputOrganizedBy"] == "Patient"
    assert all("type" not in item for item in manifest["output"])
    found = await blocks_of(bulk, manifest)
    assert all(block[0] == header for header, block in found.items())
    assert {header: sorted(block[1:]) for header, block in found.items()} == {
        "Patient/p1": ["Device/software", "Observation/o1", "Observation/shared", "Provenance/told"],
        "Patient/p2": ["Observation/absolute", "Observation/shared"],
        "Patient/alone": [],
    }
    left = told(await lines_of(bulk, manifest, "error"))
    assert "1 Observation stand in no block" in left
    assert "1 resources refer to a Patient that is not in this export" in left


@pytest.mark.rule("BULK-FILE-6")
async def test_a_block_larger_than_a_file_goes_on_in_another_that_repeats_its_header(bulk: Client) -> None:
    await put(bulk, patient(id="large"), *(observation("large", id=f"o{number}") for number in range(30)))
    await put(bulk, *(patient(id=f"small{number}") for number in range(3)))
    files = await files_of(bulk, await exported(bulk, "$export?organizeOutputBy=Patient"))
    assert all(lines[0]["resourceType"] == "Parameters" for _, lines in files)
    by_url = {item["url"].partition("?")[0]: lines for item, lines in files}
    chained = [item for item, _ in files if "continuesInFile" in item]
    assert len(chained) > 1
    for item in chained:
        header = by_url[item["continuesInFile"].partition("?")[0]][0]
        assert header["parameter"][0]["valueReference"]["reference"] == "Patient/large"
    ids = [line["id"] for lines in by_url.values() for line in lines if line["resourceType"] == "Observation"]
    assert sorted(ids) == sorted(f"o{number}" for number in range(30))


async def test_a_slot_too_large_for_memory_is_written_block_by_block(
    bulk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = [patient(id=f"p{number}") for number in range(20)]
    resources += [observation(f"p{number % 20}", id=f"o{number}") for number in range(60)]
    resources += [observation("p0", id=f"more{number}") for number in range(10)]
    await put(bulk, *resources)
    whole = await blocks_of(bulk, await exported(bulk, "$export?organizeOutputBy=Patient"))
    monkeypatch.setattr(block_writing, "SLOT_BYTES", 1200)
    assert await blocks_of(bulk, await exported(bulk, "$export?organizeOutputBy=Patient")) == whole
    assert sum(len(block) for block in whole.values()) == len(resources)


async def test_since_brings_the_resource_of_a_block_though_it_was_not_changed(bulk: Client) -> None:
    await put(bulk, patient(id="p"), patient(id="quiet"), observation("p", id="old"), observation("p", id="gone"))
    then = (await exported(bulk, "$export"))["transactionTime"]
    await put(bulk, observation("p", id="new"))
    await bulk.delete("/fhir/Observation/gone")
    manifest = await exported(bulk, f"$export?_since={then}&organizeOutputBy=Patient")
    assert await blocks_of(bulk, manifest) == {"Patient/p": ["Patient/p", "Observation/new"]}
    assert await deleted_of(bulk, manifest) == ["Observation/gone"]


async def test_blocks_are_of_a_type_of_the_export_and_of_lines(bulk: Client) -> None:
    for query in (
        *("_type=Observation&organizeOutputBy=Patient", "organizeOutputBy=Nonsense"),
        "organizeOutputBy=Patient&_outputFormat=application/vnd.apache.parquet",
    ):
        answered = await bulk.get(f"/fhir/$export?{query}", headers=ASYNC)
        assert answered.status_code == 400, query
        assert issues(answered)[0]["expression"] == ["http.organizeOutputBy"]
