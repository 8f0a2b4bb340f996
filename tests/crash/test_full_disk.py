"""The disk runs full or breaks, the file or the server goes away: the right answer, nothing lost, and it goes on."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import CalledProcessError

import httpx
import pytest
import pytest_asyncio
from failing_store import BreakingDisk, small_disk
from postgres import PostgresServer
from served_process import ServedProcess
from stored_writes import newest_place, problems, stored_after, writing

from fhir_service.storage.repository import open_repository

pytestmark = pytest.mark.long
JSON = {"content-type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "birthDate": "1950"}
LARGE = {
    **PATIENT,
    "text": {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{os.urandom(100_000).hex()}</div>',
    },
}
MEBIBYTES, PG_MEBIBYTES = 64, 300


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("to mount a file system wants root")
    with small_disk(tmp_path / "disk", MEBIBYTES) as folder:
        yield folder


@pytest.fixture
def breaking_disk(tmp_path: Path) -> Iterator[BreakingDisk]:
    """A disk that can break."""
    try:
        disk = BreakingDisk(tmp_path / "disk", MEBIBYTES)
    except (OSError, CalledProcessError) as error:
        pytest.skip(f"to mount a file system in a file wants root, mkfs.ext4 and a loop device: {error}")
    yield disk
    disk.unmount()


@pytest_asyncio.fixture
async def small_postgresql() -> AsyncIterator[tuple[PostgresServer, Path]]:
    """A server whose data are on a small disk."""
    if os.geteuid() != 0:
        pytest.skip("to mount a file system wants root")
    with tempfile.TemporaryDirectory() as outside, small_disk(Path(outside) / "disk", PG_MEBIBYTES) as folder:
        for one in (Path(outside), folder):  # the server is another user than root
            one.chmod(0o777)
        server = PostgresServer(settings=("max_wal_size=64MB",), within=folder)
        await asyncio.to_thread(server.start)
        await (await open_repository(server.url("postgres"))).close()
        yield server, folder
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def client_of(server: ServedProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base, headers=JSON, timeout=60) as client:
        yield client


async def filled(client: httpx.AsyncClient) -> list[str]:
    """Write until there is no room any more; returns what was acknowledged."""
    made = []
    while (answer := await client.post("/fhir/Patient", json=LARGE)).status_code == 201:
        made.append(answer.json()["id"])
    assert answer.status_code in (503, 507), answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    return made


async def goes_on(server: ServedProcess, client: httpx.AsyncClient, url: str, before: int, made: list[str]) -> None:
    """There is room again: it writes by itself, and what was acknowledged is there."""
    await server.until_ready(client)
    made.append((await client.post("/fhir/Patient", json=LARGE)).json()["id"])
    async with writing(server, "w", random.Random(1), asyncio.Event()) as ledger:
        await ledger.reaches(100)
    server.end()
    rows = await stored_after(url, before)
    assert set(made) <= {row.key[1] for row in rows if not row.marker}
    assert ledger.faults(rows) == []
    assert await problems(url) == []


async def test_sqlite_on_a_full_disk_refuses_writes_with_507_serves_reads_and_goes_on_when_there_is_room(
    disk: Path, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{disk}/store.db"
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (MEBIBYTES // 2) * 1024**2)
    async with ServedProcess(tmp_path, url) as server, client_of(server) as client:
        before = await newest_place(url)
        made = await filled(client)
        assert made
        rest = disk / "rest"
        with suppress(OSError), rest.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        answer = await client.post("/fhir/Patient", json=LARGE)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (507, "no-store")
        assert (await client.get(f"/fhir/Patient/{made[-1]}")).status_code == 200
        assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == len(made)
        await server.until_ready(client, ready=False)
        rest.unlink()
        ballast.unlink()
        await goes_on(server, client, url, before, made)


async def test_sqlite_on_a_disk_that_turns_read_only_serves_reads_also_after_a_restart_and_writes_when_it_is_mended(
    breaking_disk: BreakingDisk, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{breaking_disk.folder}/store.db"
    server = ServedProcess(tmp_path, url)
    try:
        await server.start()
        before = await newest_place(url)
        async with client_of(server) as client:
            made = [(await client.post("/fhir/Patient", json=LARGE)).json()["id"]]
            breaking_disk.break_down()
            for _ in range(2):
                answer = await client.post("/fhir/Patient", json=PATIENT)
                assert (answer.status_code, answer.json()["resourceType"]) == (503, "OperationOutcome")
                assert (await client.get(f"/fhir/Patient/{made[0]}")).json()["birthDate"] == "1950"
                assert (await client.get("/readyz")).json()["writes"] == "refused"
                assert (await client.get("/readyz/writes")).status_code == 503
                server.kill()
                await server.begin().until_ready(client, path="/readyz")
            server.kill()
            breaking_disk.repair()
            await server.start()
            await goes_on(server, client, url, before, made)
    finally:
        server.kill()


async def test_postgresql_on_a_full_disk_refuses_writes_and_the_service_goes_on_when_there_is_room(
    tmp_path: Path, small_postgresql: tuple[PostgresServer, Path]
) -> None:
    postgresql, disk = small_postgresql
    url = postgresql.url("postgres")
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (PG_MEBIBYTES // 3) * 1024**2)
    async with ServedProcess(tmp_path, url) as server, client_of(server) as client:
        before = await newest_place(url)
        made = await filled(client)
        assert made
        ballast.unlink()
        if not postgresql.lives:  # it gives up where its own log has no room
            await asyncio.to_thread(postgresql.restart)
        await goes_on(server, client, url, before, made)


async def test_a_file_that_was_taken_away_is_missed_and_found_again_when_it_is_back(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    place.mkdir()
    url = f"sqlite+aiosqlite:///{place}/store.db"
    async with ServedProcess(tmp_path, url) as server, client_of(server) as client:
        before = await newest_place(url)
        made = [(await client.post("/fhir/Patient", json=LARGE)).json()["id"]]
        place.rename(elsewhere)
        async with asyncio.timeout(30):
            while (answer := await client.post("/fhir/Patient", json=LARGE)).status_code == 201:
                made.append(answer.json()["id"])  # within a second; it is in the file that was moved
        assert (answer.status_code, answer.json()["resourceType"]) == (503, "OperationOutcome")
        await server.until_ready(client, ready=False)
        assert not place.exists()
        elsewhere.rename(place)
        await goes_on(server, client, url, before, made)
