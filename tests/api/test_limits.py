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
from fhir_service.api.connections import LimitedConnection
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
    reader._transport.resume_reading()  # type: ignore[attr-defined]  # as above
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1_000_000_000)
    writer.close()


CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
NOBODY_READS = b"POST /nothing HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 3\r\n\r\n"


async def test_what_stands_behind_a_body_is_no_header(served: Served) -> None:
    """A proxy cleans the headers, and may hand on the rest as it is."""
    trailers = b"x-request-id: behind\r\nhost: evil.example.org\r\n\r\n"
    for name in (b"Patient", b"nothing"):
        behind = CHUNKED.replace(b"Patient", name, 1) + b"2\r\n{}\r\n0\r\n" + trailers
        answer = await served.answer(behind + b"GET /healthz HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")
        assert b"behind" not in answer
        assert [head.split()[0] for head in answer.split(b"HTTP/1.1 ")[1:]] in ([b"400", b"200"], [b"404", b"200"])


@pytest.mark.parametrize(
    ("begun", "endless"), [(b"1;", b"x"), (b"", b"0"), (b"1\r\n{\r\n0\r\na: ", b"x"), (b"1\r\n{\r\n0\r\n", b"a: b\r\n")]
)
async def test_what_stands_around_a_body_is_no_longer_than_a_head(served: Served, begun: bytes, endless: bytes) -> None:
    assert await served.answer(CHUNKED + begun, *[endless * 20_000] * 20) == b""


async def test_small_pieces_of_a_body_are_no_head(served: Served) -> None:
    text = b'{"resourceType":"Patient"}' + b" " * 20_000
    pieces = b"".join(b"1\r\n%c\r\n" % one for one in text)
    answer = await served.answer(CHUNKED.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + pieces + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201")


async def test_a_body_that_nobody_reads_is_not_awaited_for_ever(served: Served) -> None:
    answer = await asyncio.wait_for(served.answer(NOBODY_READS, b"a", b"b", pause=0.1), 3)
    assert answer.startswith(b"HTTP/1.1 404")
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_connection_goes_on_behind_a_body_that_nobody_read_and_is_closed_when_nothing_is_asked(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LimitedConnection, "_keep_for", keep_for_a_moment)
    begun = time.monotonic()
    parts = (NOBODY_READS, b"abc", b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", NOBODY_READS, b"abc")
    answer = await served.answer(*parts, pause=0.1)
    assert [head.split()[0] for head in answer.split(b"HTTP/1.1 ")[1:]] == [b"404", b"200", b"404"]
    assert time.monotonic() - begun < 3, "uvicorn keeps it for five seconds where it thinks of it"


def keep_for_a_moment(connection: LimitedConnection, _: float) -> None:
    connection.timeout_keep_alive_task = connection.loop.call_later(0.2, connection.timeout_keep_alive_handler)


def with_large_buffer(made: Callable[..., None]) -> Callable[..., None]:
    """What a connection has to send never makes anybody wait."""

    def made_so(connection: LimitedConnection, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=1_000_000_000)
        made(connection, transport)

    return made_so


UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"


@pytest.mark.parametrize("pause", [0.0, 0.04])
@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_a_request_that_offers_another_protocol_is_read_whole(served: Served, pieces: int, pause: float) -> None:
    """As Java's client sends its first. Its body is no request, whatever it looks like."""
    for body, status in (
        (b'{"resourceType":"Patient"}', b"201"),
        (b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", b"400"),
    ):
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\n\r\n"
        length = b"content-length: %d\r\n\r\n" % len(body) + body
        for framed in (length, b"transfer-encoding: chunked\r\n\r\n" + chunks):
            whole = HEAD + UPGRADE + framed
            size = len(whole) // pieces + 1
            parts = [whole[place : place + size] for place in range(0, len(whole), size)]
            answer = await served.answer(*parts, b"GET /healthz HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n", pause=pause)
            assert [head.split()[0] for head in answer.split(b"HTTP/1.1 ")[1:]] == [status, b"200"]


async def test_a_tunnel_is_refused(served: Served) -> None:
    for target in (b"127.0.0.1:80", b"/fhir/Patient", b"http://127.0.0.1/fhir"):
        asked = b"CONNECT %b HTTP/1.1\r\nhost: 127.0.0.1\r\n%b\r\n" % (target, UPGRADE)
        assert told(await served.answer(asked + asked))[0] == 400


async def test_of_requests_that_come_before_the_answers_few_wait_and_all_are_answered(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = []
    begin = LimitedConnection._start_asgi_task

    def counted(connection: LimitedConnection, cycle: Any, app: Any) -> None:
        waiting.append(len(connection.pipeline))
        begin(connection, cycle, app)

    monkeypatch.setattr(LimitedConnection, "_start_asgi_task", counted)
    asked = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    body = b'{"resourceType":"Patient"}'
    made = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    last = asked.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    answer = await served.answer(*[asked * 500] * 4, made * 50, made[:-1], made[-1:] + last, pause=0.05)
    assert answer.count(b"HTTP/1.1 200") == 2001
    assert answer.count(b"HTTP/1.1 201") == 51
    assert len(waiting) == 2052
    assert max(waiting) < 200


async def test_a_client_that_hangs_up_before_the_answers_is_no_fault_of_ours(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    ask = b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # as below
    writer.write(ask * 40)
    await asyncio.sleep(0.2)
    writer.transport.abort()
    await asyncio.sleep(0.2)
    assert (await served.answer(ask.replace(b"1.1", b"1.0"))).startswith(b"HTTP/1.1 200")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_client_that_leaves_the_rest_of_its_answers_is_cut_off(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is too little to make the server wait, and the connection closes as soon as it is read."""
    monkeypatch.setattr(LimitedConnection, "_keep_for", keep_for_a_moment)
    monkeypatch.setattr(LimitedConnection, "connection_made", with_large_buffer(LimitedConnection.connection_made))
    for last in (b"GET /healthz HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n", b"nonsense\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # as above
        writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" * 40)
        await asyncio.sleep(0.3)
        writer.write(last)
        await asyncio.sleep(1.5)
        reader._transport.resume_reading()  # type: ignore[attr-defined]  # as above
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
