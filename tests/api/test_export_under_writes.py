"""An export while others write: all that was committed before its transactionTime, as it was then, and nothing else."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from pathlib import Path

import pytest
from api_client import Client
from bulk_client import bulk_client, deleted_of, kicked_off, lines_of, manifest_of
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.storage.repository import Delete, Outcome, Repository, Update


def names_of(seed: int) -> list[str]:
    """Names that no other round has used: its log is their whole history."""
    return [f"r{seed}-{number}" for number in range(40)]


def state_at(log: list[Outcome], instant: datetime) -> dict[str, Outcome]:
    """The last that was done to each resource up to an instant. What changed nothing is no version."""
    done = sorted((one for one in log if one.action != "unchanged"), key=lambda one: one.version)
    return {one.id: one for one in done if one.last_updated <= instant}


async def write(repository: Repository, log: list[Outcome], seed: int, ended: asyncio.Event) -> None:
    chance, names = random.Random(seed), names_of(seed // 10)
    while not ended.is_set():
        name = chance.choice(names)
        change = Delete("Patient", name) if chance.random() < 0.3 else Update("Patient", name, patient())
        log += await repository.commit([change], OPEN)


async def one_round(repository: Repository, client: Client, seed: int) -> None:
    log: list[Outcome] = []
    ended = asyncio.Event()
    writers = [asyncio.create_task(write(repository, log, seed * 10 + number, ended)) for number in range(4)]
    await asyncio.sleep(0.05)
    address = await kicked_off(client, "$export?_type=Patient")
    manifest = await manifest_of(client, address)
    ended.set()
    await asyncio.gather(*writers)
    instant = datetime.fromisoformat(manifest["transactionTime"])
    then = state_at(log, instant)
    mine = f"r{seed}-"
    lines = [one for one in await lines_of(client, manifest) if one["id"].startswith(mine)]
    found = {one["id"]: one["meta"]["versionId"] for one in lines}
    assert len(lines) == len(found)
    assert found == {name: str(one.version) for name, one in then.items() if one.action != "deleted"}
    last = await manifest_of(client, await kicked_off(client, f"$export?_since={manifest['transactionTime']}"))
    rest = state_at(log, datetime.max.replace(tzinfo=instant.tzinfo))
    later = {name: one for name, one in rest.items() if one.last_updated > instant}
    assert later  # or nobody wrote while it was made
    changed = {one["id"]: one["meta"]["versionId"] for one in await lines_of(client, last)}
    assert changed == {name: str(one.version) for name, one in later.items() if one.action != "deleted"}
    gone = sorted(f"Patient/{name}" for name, one in later.items() if one.action == "deleted")
    assert await deleted_of(client, last) == gone


@pytest.mark.rule("BULK-MAN-1")
async def test_an_export_and_the_next_one_since_divide_all_that_is_written_between_them(
    repository: Repository, tmp_path: Path
) -> None:
    async with bulk_client(repository, tmp_path, export_file_bytes=2000) as client:
        await one_round(repository, client, 1)


@pytest.mark.long
async def test_fifty_exports_and_the_next_ones_divide_all_that_is_written(
    repository: Repository, tmp_path: Path
) -> None:
    async with bulk_client(repository, tmp_path, export_file_bytes=2000) as client:
        for seed in range(50):
            await one_round(repository, client, seed)
