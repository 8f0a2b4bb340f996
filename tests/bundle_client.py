"""How the tests send transactions and batches."""

from __future__ import annotations

from typing import Any

import httpx
from api_client import Client

Entry = dict[str, Any]


def write(method: str, url: str, resource: Any = None, full_url: str | None = None, **conditions: str) -> Entry:
    entry: Entry = {"request": {"method": method, "url": url, **conditions}}
    if resource is not None:
        entry["resource"] = resource
    if full_url is not None:
        entry["fullUrl"] = full_url
    return entry


def get(url: str) -> Entry:
    return write("GET", url)


async def post(client: Client, *entries: Entry, kind: str = "transaction", **headers: str) -> httpx.Response:
    body: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    return await client.post("/fhir", json=body | ({"entry": entries} if entries else {}), headers=headers)


async def done(client: Client, *entries: Entry, kind: str = "transaction", **headers: str) -> list[Entry]:
    answer = await post(client, *entries, kind=kind, **headers)
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", f"{kind}-response")
    found: list[Entry] = bundle.get("entry", [])
    return found


async def count(client: Client, kind: str = "Patient") -> int:
    return int((await client.get(f"/fhir/{kind}?_summary=count")).json()["total"])
