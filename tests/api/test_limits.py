"""Each limit of docs/howto/limits.md, by its setting: what is beyond it is refused with the standard error."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from api_client import Client, issues, observation, patient, settings
from smart_client import JWKS, secured, token
from socket_server import serving

from fhir_service.api.app import create_app, short_way_of
from fhir_service.api.short_connections import connection_of
from fhir_service.fhir.access import OPEN
from fhir_service.limits import Limits
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Repository, Update, open_repository

ROOT = Path(__file__).parents[2]
Connect = Callable[..., Client]


def bundle(entries: int, kind: str = "batch") -> dict[str, Any]:
    entry = {"request": {"method": "GET", "url": "Patient/nobody"}}
    return {"resourceType": "Bundle", "type": kind, "entry": [entry] * entries}


def deep(levels: int) -> dict[str, Any]:
    """A Patient so deep; marks in texts count for nothing."""
    value: Any = {"url": "http://example.org/[[[[[[[[[[{{{{{{", "valueString": 'a "[[[[[[[["'}
    for _ in range((levels - 3) // 2):
        value = {"url": "http://example.org", "extension": [value]}
    return patient(extension=[value])


async def test_no_more_than_the_settings_allow(idle_connect: Connect) -> None:
    changes = {"max_parameters": 3, "max_bundle_entries": 2, "max_json_depth": 9, "max_headers": 10}
    changes |= {"max_address_bytes": 200, "max_header_bytes": 600, "max_body_bytes": 4000}
    async with idle_connect(**changes) as client:

        async def refused(status: int, code: str, method: str, url: str, **sent: Any) -> None:
            answer = await client.request(method, f"/fhir{url}", **sent)
            assert (answer.status_code, issues(answer)[0]["code"]) == (status, code), answer.text

        assert (await client.get("/fhir/Patient?_id=a&_id=b&_id=c")).status_code == 200
        await refused(400, "invalid", "GET", "/Patient?_id=a&_id=b&_id=c&_id=d")
        form = {"content": "_id=a&_id=b&_id=c&_id=d", "headers": {"content-type": "application/x-www-form-urlencoded"}}
        await refused(400, "invalid", "POST", "/Patient/_search", **form)
        await refused(414, "too-long", "GET", f"/Patient?_id={'a' * 200}")
        await refused(431, "too-long", "GET", "/Patient", headers={"x-long": "a" * 600})
        await refused(431, "too-long", "GET", "/Patient", headers={f"x-{number}": "" for number in range(10)})
        await refused(413, "too-long", "POST", "/Patient", json=patient(name=[{"text": "a" * 4000}]))
        for kind in ("batch", "transaction"):
            await refused(413, "too-long", "POST", "", json=bundle(3, kind))
        assert (await client.post("/fhir", json=bundle(2))).status_code == 200
        found = await client.post("/fhir/Patient/$validate", json=deep(9))
        assert "nested deeper" not in found.text
        found = await client.post("/fhir/Patient/$validate", json=deep(11))
        assert "nested deeper than 9" in found.json()["issue"][0]["diagnostics"]
        for url in ("/Patient", "/Patient/p1/$meta-add", "/StructureMap/$transform"):
            await refused(400, "structure", "POST", url, json=deep(11))
        await refused(400, "structure", "PUT", "/Patient/p1", json=deep(11))
        patch = {"content-type": "application/json-patch+json"}
        await refused(400, "structure", "PATCH", "/Patient/p1", json=[deep(11)], headers=patch)
        await refused(400, "structure", "POST", "", json=bundle(1) | {"extension": deep(11)["extension"]})


async def test_a_page_brings_along_no_more_and_from_no_farther_than_the_settings_allow(connect: Connect) -> None:
    async with connect() as client:
        for number in range(4):
            part = [{"reference": f"Observation/o{number - 1}"}] if number else []
            made = observation(id=f"o{number}", hasMember=part) if part else observation(id="o0")
            assert (await client.put(f"/fhir/Observation/o{number}", json=made)).status_code == 201

    async def brought(**changes: Any) -> tuple[list[str], bool]:
        async with connect(**changes) as client:
            found = await client.get("/fhir/Observation?_id=o3&_include:iterate=Observation:has-member")
        entries = found.json()["entry"]
        included = [one["resource"]["id"] for one in entries if one["search"]["mode"] == "include"]
        return included, any(one["search"]["mode"] == "outcome" for one in entries)

    assert await brought() == (["o2", "o1", "o0"], False)
    assert await brought(max_include_rounds=2) == (["o2", "o1"], False)
    assert await brought(max_included=1) == (["o2"], True)
    async with connect() as client:
        sizes = [len((await client.get(f"/fhir/Observation/o{number}")).content) for number in (3, 2)]
    assert await brought(max_page_bytes=sum(sizes)) == (["o2"], True)


async def test_a_page_has_no_more_bytes_than_the_settings_allow_and_the_rest_follows(
    connect: Connect, repository: Repository
) -> None:
    names = [f"p{number:03}" for number in range(130)]
    await repository.commit([Update("Patient", name, json.dumps(patient(id=name)).encode()) for name in names], OPEN)

    async def pages(url: str, most: int) -> list[list[str]]:
        found = []
        async with connect(max_page_bytes=most) as client:
            while url:
                bundle = (await client.get(url)).json()
                found.append([entry["resource"]["id"] for entry in bundle["entry"]])
                url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        return found

    (size,) = {len(one.text) for one in (await repository.newest([("Patient", name) for name in names], OPEN)).values()}
    wanted = "/fhir/Patient?_count=1000&_sort=_id"
    assert await pages(wanted, 130 * size) == [names]
    assert await pages(wanted, 120 * size) == [names[:120], names[120:]]
    assert await pages(wanted, 50 * size + 1) == [names[:50], names[50:100], names[100:]]
    assert await pages("/fhir/Patient?_id=p000,p001&_sort=_id", 1) == [["p000"], ["p001"]]


async def test_a_statement_that_takes_longer_than_the_settings_allow_is_ended(database_url: str) -> None:
    app = create_app(settings(database_url=database_url, max_query_seconds=0.05))
    async with app.router.lifespan_context(app):
        store: Repository = app.state.service.repository
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        for lend in (store._database.searching, store._database.reading):
            async with lend() as session:
                with pytest.raises(Exception, match="takes too long") as ended:
                    await session.fetch(endless)
                assert getattr(ended.value, "status", 0) == 503


async def test_one_client_begins_no_more_exports_than_the_settings_allow(
    idle_store: Repository, tmp_path: Path
) -> None:
    for client_id in ("busy", "patient"):
        await idle_store.clients.add(Registered(client_id, "", "system/*.rs", jwks=json.dumps(JWKS)))
    async with secured(idle_store, max_client_exports=2, audit="off", export_files=str(tmp_path)) as client:
        header = await token(client, "busy", "system/*.rs")
        begun = [await client.get("/fhir/$export", headers=header) for _ in range(3)]
        assert [one.status_code for one in begun] == [202, 202, 429]
        assert issues(begun[2])[0]["code"] == "throttled"
        other = await client.get("/fhir/$export", headers=await token(client, "patient", "system/*.rs"))
        assert other.status_code == 202
        await client.delete(begun[0].headers["content-location"], headers=header)
        assert (await client.get("/fhir/$export", headers=header)).status_code == 202


async def test_a_submission_waits_no_longer_than_the_settings_allow(idle_store: Repository) -> None:
    app = create_app(settings(max_submissions=1, max_submission_wait=0.05), idle_store)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://localhost") as client:
        async with app.state.service.submissions.turn():
            sent = {"content": b"A report.", "headers": {"content-type": "text/plain"}}
            refused = await client.post("/fhir/$submit-report?source=10.1000/x&validate-only=true", **sent)
        assert (refused.status_code, issues(refused)[0]["code"]) == (503, "too-costly")


class Served(NamedTuple):
    port: int

    async def answer(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """What comes back for these parts, until the server closes; the pause is between two parts."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def send() -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)

        sending = asyncio.create_task(send())
        answer = b""
        with contextlib.suppress(ConnectionError):  # where it was closed while we were sending
            while piece := await reader.read(65_536):
                answer += piece
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
        return answer


@pytest_asyncio.fixture(scope="module")
async def served(lasting_database: Callable[[str], str]) -> AsyncIterator[Served]:
    """A server that has little patience."""
    store = await open_repository(lasting_database("sqlite"))
    few = {"max_connections": 5, "max_head_seconds": 0.2, "max_body_seconds": 0.3, "max_stall_seconds": 0.3}
    chosen = settings(**few)
    app = create_app(chosen, store)
    async with serving(app, http=connection_of(chosen, short_way_of(app)), ws="none") as port:
        yield Served(port)
    await store.close()


HEAD = b"POST /fhir/Patient HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/fhir+json\r\n"
CLOSED = b"connection: close"


def told(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert CLOSED in head.lower()
    (issue,) = json.loads(body)["issue"]
    return int(head.split()[1]), issue["code"]


async def test_a_head_that_trickles_or_never_ends_is_refused(served: Served) -> None:
    trickle = await served.answer(*[bytes([one]) for one in HEAD[:30]], pause=0.02)
    assert told(trickle) == (408, "timeout")
    assert told(await served.answer(b"\r\n", b"\r\n", b"\r\n", pause=0.15)) == (408, "timeout")
    endless = await served.answer(HEAD, *[b"x" * 20_000] * 20)
    assert told(endless) == (431, "too-long")
    assert await served.answer() == b""  # who asks nothing is told nothing


async def test_a_body_that_trickles_is_408(served: Served) -> None:
    parts = [b'{"resourceType"', b":", b'"Patient"', b"}"]
    whole = b"content-length: %d\r\n\r\n" % sum(map(len, parts))
    assert told(await served.answer(HEAD + whole, *parts, pause=0.15)) == (408, "timeout")
    assert (await served.answer(HEAD + b"connection: close\r\n" + whole, *parts, pause=0.01)).startswith(
        b"HTTP/1.1 201"
    )


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 26\r\ncontent-length: 5\r\n\r\n",
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
        b"transfer-encoding: chunked, identity\r\n\r\n",
        b"transfer-encoding : chunked\r\n\r\n",
        b"content-length: +26\r\n\r\n",
        b"content-length: 99999999999999999999999\r\n\r\n",
        b"x: a\r\n b\r\n\r\n",
        b"x: a\0b\r\n\r\n",
    ],
)
async def test_a_request_that_a_proxy_may_read_in_another_way_is_refused(served: Served, head: bytes) -> None:
    """Two lengths, or a length and chunks: behind a proxy the rest would be another client's request."""
    smuggled = b"0\r\n\r\nGET /fhir/metadata HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    answer = await served.answer(HEAD + head + smuggled)
    assert told(answer) == (400, "structure")
    assert answer.count(b"HTTP/1.1") == 1


async def test_one_connection_too_many_is_503_until_another_ends(served: Served) -> None:
    held = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(5)]
    refused = await served.answer(b"")
    assert told(refused) == (503, "transient")
    assert b"retry-after" in refused.lower()
    for _, writer in held:
        writer.close()
    deadline = time.monotonic() + 5
    while (answer := await served.answer(b"GET /healthz HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")).count(b" 200 ") == 0:
        assert time.monotonic() < deadline, answer


async def test_a_client_that_reads_nothing_of_its_answer_is_cut_off(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    ask = b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    writer.write(ask * 40)
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # the socket's buffers fill, and nobody empties them
    await asyncio.sleep(0.6)
    reader._transport.resume_reading()  # type: ignore[attr-defined]
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1_000_000_000)
    writer.close()


def test_every_limit_is_in_the_table_with_its_default() -> None:
    page = (ROOT / "docs" / "howto" / "limits.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `FHIR_SERVICE_(MAX_\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    expected = {name.upper(): f"{field.default:,}" for name, field in Limits.model_fields.items()}
    assert {name: value.strip() for name, value in rows.items()} == expected
    tests = re.findall(r"`(tests/[\w/]+\.py)`", page)
    assert tests
    assert [one for one in tests if not (ROOT / one).exists()] == []
