"""A plain read is answered on a short way; it is the same answer, and the same record of it, as on the long one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from api_client import Client
from smart_client import secured

from fhir_service.storage.repository import Client as Registered
from fhir_service.storage.repository import Repository

Connect = Callable[..., Client]
LONG_WAY = "?_pretty=false"
"""Means nothing, and is not plain."""
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Wirbel" * 300}]}


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    own = {"x-request-id", "date"}
    return answer.status_code, {k: v for k, v in answer.headers.items() if k not in own}, answer.content


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": "application/fhir+xml"},
        {"accept": "application/fhir+json;fhirVersion=4.0, */*;q=0.1"},
        {"accept": "image/png"},
        {"accept-encoding": "gzip"},
        {"if-none-match": 'W/"1"'},
        {"if-none-match": 'W/"2"'},
        {"if-none-match": "*", "accept-encoding": "br"},
        {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"host": "elsewhere.example.org"},
        {"x-long": "x" * 40_000},
        {"content-length": "99999999999"},
    ],
)
async def test_both_ways_answer_alike(client: Client, headers: dict[str, str]) -> None:
    await client.put("/fhir/Patient/p1", json=PATIENT)
    for path in ("Patient/p1", "Patient/none", "Patient/" + "x" * 65, "Spaceship/p1"):
        short = await client.get(f"/fhir/{path}", headers=headers)
        assert told(short) == told(await client.get(f"/fhir/{path}{LONG_WAY}", headers=headers))


async def test_a_deleted_one_is_gone_both_ways(client: Client) -> None:
    await client.put("/fhir/Patient/p1", json=PATIENT)
    await client.delete("/fhir/Patient/p1")
    for headers in ({}, {"if-none-match": 'W/"2"'}):
        short = await client.get("/fhir/Patient/p1", headers=headers)
        assert short.status_code == 410
        assert told(short) == told(await client.get(f"/fhir/Patient/p1{LONG_WAY}", headers=headers))


async def test_both_ways_let_in_the_same_and_are_recorded_alike(repository: Repository) -> None:
    await repository.clients.add(Registered("reader", "a test", "system/*.cruds", "", '{"keys": []}'))
    async with secured(repository) as client:
        service = client._transport.app.state.service  # type: ignore[attr-defined]  # httpx does not tell

        def shown(scope: str) -> dict[str, str]:
            return {"authorization": f"Bearer {service.authority.tokens.issue('reader', scope)}"}

        everything = shown("system/*.cruds system/AuditEvent.rs")
        await client.put("/fhir/Patient/p1", json=PATIENT, headers=everything)
        cases = [
            (everything, 200),
            (shown("system/Patient.rs?gender=female"), 404),
            (shown("system/Observation.rs"), 403),
            ({"authorization": "Bearer nonsense"}, 401),
            ({}, 401),
        ]
        for headers, status in cases:
            short = await client.get("/fhir/Patient/p1", headers=headers)
            assert short.status_code == status
            assert told(short) == told(await client.get(f"/fhir/Patient/p1{LONG_WAY}", headers=headers))
        await service.accesses.flush()
        found = (await client.get("/fhir/AuditEvent?subtype=read&outcome=0", headers=everything)).json()["entry"]
        by_long, by_short = (recorded(entry["resource"]) for entry in found)
        assert by_short == by_long
        await service.accesses.close()


async def test_a_request_counts_once_whichever_way_it_goes(connect: Connect) -> None:
    async with connect(rate_limit="4/hour") as client:
        paths = ("Patient/none", "Patient/none", f"Patient/none{LONG_WAY}", "Patient/none", "Patient/none")
        assert [(await client.get(f"/fhir/{path}")).status_code for path in paths] == [404, 404, 404, 404, 429]


def recorded(event: dict[str, Any]) -> dict[str, Any]:
    """An AuditEvent without its name, its time, and what names the request."""
    del event["id"], event["meta"], event["recorded"], event["entity"][0]
    return event
