"""What is stored after a crash, held against what clients were told, and against itself."""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from served_process import ServedProcess
from sqlalchemy import text
from writer_load import SYSTEM, Ledger, Row, Writer

from fhir_service.storage.checks.whole_store import disagreements
from fhir_service.storage.engines import open_engine

WRITERS = 8
JSON = {"content-type": "application/fhir+json"}
MARKER = re.compile(rf'"system":"{SYSTEM}","value":"([^"]*)"')
VERSIONS = "SELECT type, id, version, action, text FROM resource_version WHERE place > :place ORDER BY place"
NEWEST = "SELECT coalesce(max(place), 0) FROM resource_version"
WRITES = (
    "SELECT resources FROM audit_event WHERE status < 300 AND interaction IN ('create', 'update', 'delete', "
    "'transaction')"
)
AUDITED = "SELECT request, interaction, about, count(*) FROM audit_event GROUP BY 1, 2, 3 HAVING count(*) > 1"


async def rows_of(database_url: str, statement: str, **values: int) -> list[Any]:
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        rows = (await connection.execute(text(statement), values)).all()
    await engine.dispose()
    return rows


async def newest_place(database_url: str) -> int:
    return (await rows_of(database_url, NEWEST))[0][0]


async def stored_after(database_url: str, place: int) -> list[Row]:
    found = []
    for kind, resource_id, version, action, content in await rows_of(database_url, VERSIONS, place=place):
        marker = MARKER.search(content)
        found.append(Row((kind, resource_id, version), action, marker[1] if marker else ""))
    return found


async def audit_faults(database_url: str) -> list[str]:
    """Writes that are recorded and are not stored, and calls that are recorded twice."""
    stored = {row.key for row in await stored_after(database_url, 0)}
    recorded = {tuple(key) for (keys,) in await rows_of(database_url, WRITES) for key in json.loads(keys)}
    assert recorded
    found = [f"recorded and not stored: {key}" for key in recorded - stored]
    return found + [f"recorded twice: {row}" for row in await rows_of(database_url, AUDITED)]


async def problems(database_url: str) -> list[object]:
    return [one async for one in disagreements(database_url, base="http://127.0.0.1:8000/fhir")]


@asynccontextmanager
async def writing(
    server: ServedProcess, name: str, chance: random.Random, ended: asyncio.Event
) -> AsyncIterator[Ledger]:
    """Let clients of a service write meanwhile, and see to their end."""
    async with (
        httpx.AsyncClient(base_url=server.base, headers=JSON, timeout=60) as client,
        writing_by(client, name, chance, ended) as ledger,
    ):
        yield ledger


@asynccontextmanager
async def writing_by(
    client: httpx.AsyncClient, name: str, chance: random.Random, ended: asyncio.Event
) -> AsyncIterator[Ledger]:
    """The same for writers that share a client."""
    ledger = Ledger()
    writers = [
        asyncio.create_task(Writer(client, f"{name}-{one}", ledger, random.Random(chance.random())).run(ended))
        for one in range(WRITERS)
    ]
    yield ledger
    ended.set()
    await asyncio.gather(*writers)


async def killed_while_writing(
    server: ServedProcess, name: str, number: int, chance: random.Random, sent: signal.Signals = signal.SIGKILL
) -> Ledger:
    """Kill the server, or tell it to end, while clients write, shortly after so many acknowledgements."""
    async with writing(server, name, chance, asyncio.Event()) as ledger:
        await ledger.reaches(number)
        await asyncio.sleep(chance.random() * 0.03)  # somewhere within a group of commits
        await asyncio.to_thread(server.end, sent)  # who is told to end answers those who have asked
    return ledger
