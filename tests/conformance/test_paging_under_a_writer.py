"""Pages of 50 while a writer inserts, changes and deletes: what was there at the start is found, and found once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import JSON, Client, observation, settings

from fhir_service.api.app import create_app
from fhir_service.storage.repository import Repository

PAGE = 50
BUNDLE = 1000
ORDERS = ("", "date", "-date", "_id", "-_id", "_lastUpdated", "status,-date", "code", "-patient,date")
"""Orders of one key and of several, up and down, with many equal values and with some that have none."""


@pytest_asyncio.fixture
async def client(repository: Repository) -> AsyncIterator[Client]:
    transport = httpx.ASGITransport(create_app(settings(), repository))
    async with Client(transport=transport, base_url="http://localhost", headers=JSON, timeout=300) as client:
        yield client


def numbered(number: int, **more: Any) -> dict[str, Any]:
    """One of a series in which dates, statuses, codes and patients repeat; every seventh has no date."""
    status = ("final", "amended", "preliminary")[number % 3]
    when = {"effectiveDateTime": f"{2000 + number * 7919 % 23}-{1 + number % 12:02}"} if number % 7 else {}
    return observation(f"p{number % 40}", f"code-{number % 11}") | when | {"id": f"o{number}", "status": status, **more}


async def load(client: Client, count: int) -> set[str]:
    for start in range(0, count, BUNDLE):
        entries = [
            {"resource": numbered(number), "request": {"method": "PUT", "url": f"Observation/o{number}"}}
            for number in range(start, min(start + BUNDLE, count))
        ]
        answer = await client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert answer.status_code == 200, answer.text
    return {f"o{number}" for number in range(count)}


class Writer:
    """Inserts, changes and deletes until it is stopped; what was there keeps what it is sorted by."""

    def __init__(self, client: Client, count: int, *, changing: bool) -> None:
        self._client, self._count, self._changing = client, count, changing
        self._wrote, self._stopped, self.inserted = asyncio.Event(), False, 0
        self._task = asyncio.create_task(self._write())

    async def turn(self) -> None:
        """Wait until it has written something more."""
        await self._wrote.wait()
        self._wrote.clear()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        self._stopped = True
        await self._task

    async def _write(self) -> None:
        try:
            while not self._stopped:
                await self._write_once()
                self._wrote.set()
        finally:
            self._wrote.set()

    async def _write_once(self) -> None:
        new = await self._client.post("/fhir/Observation", json=numbered(self.inserted * 31))
        assert new.status_code == 201, new.text
        self.inserted += 1
        if self._changing:
            number = self.inserted * 977 % self._count
            changed = numbered(number, note=[{"text": f"change {self.inserted}"}])
            assert (await self._client.put(f"/fhir/Observation/o{number}", json=changed)).status_code == 200
        if self.inserted % 3 == 0:
            gone = await self._client.delete(f"/fhir/Observation/{new.json()['id']}")
            assert gone.status_code == 204


async def walk(client: Client, order: str, writer: Writer) -> list[str]:
    """The ids of all pages in their order; the writer has a turn before each."""
    url: str | None = f"/fhir/Observation?_count={PAGE}" + (f"&_sort={order}" if order else "")
    found = []
    while url:
        await writer.turn()
        answer = await client.get(url, headers={"prefer": "handling=strict"})
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    return found


async def hold(client: Client, count: int) -> None:
    there = await load(client, count)
    for order in ORDERS:
        writer = Writer(client, count, changing="_lastUpdated" not in order)
        found = await walk(client, order, writer)
        await writer.stop()
        assert writer.inserted >= count / PAGE
        assert len(found) == len(set(found)), f"twice, by {order}"
        assert there <= set(found), f"missed, by {order}: {len(there - set(found))}"


@pytest.mark.rule("PAGE-1", "SORT-1")
async def test_a_thousand_resources_are_paged_while_others_write(client: Client) -> None:
    await hold(client, 1000)


@pytest.mark.long
async def test_twenty_thousand_resources_are_paged_while_others_write(client: Client) -> None:
    await hold(client, 20_000)
