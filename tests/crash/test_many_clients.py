"""Clients that are slow, that hold connections and do nothing, that go away: the others are served meanwhile."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from served_process import ServedProcess

JSON = {"content-type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "birthDate": "1950"}
BODY = json.dumps(PATIENT).encode()
HEAD = b"POST /fhir/Patient HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/fhir+json\r\n"
LENGTH = b"content-length: %d\r\n\r\n" % len(BODY)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SLOW, IDLE = 500, 10_000
SETTINGS = {"FHIR_SERVICE_MAX_CONNECTIONS": "12000", "FHIR_SERVICE_MAX_HEAD_SECONDS": "300"}


@asynccontextmanager
async def connections(server: ServedProcess, number: int, sent: bytes) -> AsyncIterator[list[Connection]]:
    """So many at once, each of which has sent as much."""
    opened: list[Connection] = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        await writer.drain()
        opened.append((reader, writer))
    try:
        yield opened
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def all_is_well(client: httpx.AsyncClient, before: int) -> None:
    made = await asyncio.gather(*(client.post("/fhir/Patient", json=PATIENT) for _ in range(20)))
    assert {answer.status_code for answer in made} == {201}
    assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == before + 20
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.long
async def test_slow_clients_and_thousands_of_idle_ones_hold_up_nobody_and_half_a_body_is_nothing(
    database_url: str, tmp_path: Path
) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < IDLE + 1000:
        pytest.skip(f"a process may have {most} files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))  # as most systems start a service
    server = ServedProcess(tmp_path, database_url, **SETTINGS).begin()
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    half = HEAD + LENGTH + BODY[: len(BODY) // 2]
    async with (
        server,
        httpx.AsyncClient(base_url=server.base, headers=JSON, timeout=60) as client,
    ):
        async with connections(server, SLOW, half) as slow:
            for _, writer in slow:
                writer.write(BODY[len(BODY) // 2 : -1])  # all but the last byte
            await all_is_well(client, 0)
            for reader, writer in slow[::2]:
                writer.write(BODY[-1:])
                assert (await reader.readline()).startswith(b"HTTP/1.1 201")
        async with connections(server, IDLE, b""):
            await all_is_well(client, 20 + SLOW // 2)
        async with connections(server, SLOW, half):
            pass
        await all_is_well(client, 40 + SLOW // 2)
        assert server.lives
