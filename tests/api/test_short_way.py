"""Plain requests are answered on a short way; it is the same answer, and the same record of it, as on the long one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from api_client import JSON, settings
from socket_server import serving

from fhir_service.api.app import create_app, short_way_of
from fhir_service.api.service import Service
from fhir_service.api.short_connections import connection_of
from fhir_service.api.short_way import ShortWay
from fhir_service.api.visit import Peer
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.looks import Looks
from fhir_service.storage.repository import Repository, open_repository

LONG_WAY = {"te": "trailers"}
"""Means nothing, and is not plain."""
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Wirbel" * 300}]}
MADE = {"resourceType": "Observation", "status": "final", "code": {"text": "c"}, "subject": {"reference": "Patient/p1"}}


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


class Watched:
    """A short way, and how often it was taken."""

    def __init__(self, way: ShortWay) -> None:
        self._way = way
        self.taken = 0

    def take(self, line: bytes, lines: bytes, body: bytes, peer: Peer) -> bool:
        taken = self._way.take(line, lines, body, peer)
        self.taken += taken
        return taken


class Served(NamedTuple):
    client: httpx.AsyncClient
    service: Service
    way: Any
    port: int


@asynccontextmanager
async def served(store: Repository, *, timeout_keep_alive: float = 5, **changes: Any) -> AsyncIterator[Served]:
    chosen = settings(**changes)
    app = create_app(chosen, store)
    found = short_way_of(app)
    assert found is not None
    way: Any = Watched(found)
    kind = connection_of(chosen, way)
    async with serving(app, http=kind, ws="none", proxy_headers=False, timeout_keep_alive=timeout_keep_alive) as port:
        origin = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=origin, headers={"content-type": JSON["content-type"]}) as client:
            client.headers.pop("accept-encoding")
            yield Served(client, app.state.service, way, port)


@pytest_asyncio.fixture(scope="module", params=("sqlite", "postgresql"))
async def server(request: pytest.FixtureRequest, lasting_database: Callable[[str], str]) -> AsyncIterator[Served]:
    """One for all cases, which only look."""
    store = await open_repository(lasting_database(request.param))
    async with served(store, max_bundle_entries=10) as one:
        for name in ("p1", "p2", "gone"):
            assert (await one.client.put(f"/fhir/Patient/{name}", json=PATIENT | {"id": name})).status_code == 201
        assert (await one.client.post("/fhir/Observation", json=MADE)).status_code == 201
        assert (await one.client.delete("/fhir/Patient/gone")).status_code == 204
        yield one
    await store.close()


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    own = {"x-request-id", "date"}
    return answer.status_code, {k: v for k, v in answer.headers.items() if k not in own}, answer.content


async def both_ways(server: Served, path: str, headers: dict[str, str]) -> tuple[httpx.Response, int]:
    """The answer, which is the same on both ways, and how often the short one was taken."""
    before = server.way.taken
    short = await server.client.get(f"/fhir/{path}", headers=headers)
    taken = server.way.taken - before
    long = await server.client.get(f"/fhir/{path}", headers=headers | LONG_WAY)
    assert server.way.taken == before + taken
    assert told(short) == told(long)
    return short, taken


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({}, 1),
        ({"accept": "application/fhir+json;fhirVersion=4.0, */*;q=0.1"}, 1),
        ({"accept-encoding": "gzip"}, 1),
        ({"if-none-match": 'W/"1"'}, 1),
        ({"if-none-match": 'W/"2"'}, 1),
        ({"if-none-match": "*", "accept-encoding": "br"}, 1),
        ({"accept": "application/fhir+xml"}, 0),
        ({"accept": "image/png"}, 0),
        ({"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 0),
        ({"host": "elsewhere.example.org"}, 0),
        ({"x-long": "x" * 20_000}, 0),
        ({"connection": "close"}, 0),
        ({"content-length": "0"}, 0),
    ],
)
async def test_both_ways_answer_alike(server: Served, headers: dict[str, str], taken: int) -> None:
    for path in ("Patient/p1", "Patient/none", "Patient/gone", "Observation?patient=p1"):
        assert (await both_ways(server, path, headers))[1] == taken


@pytest.mark.parametrize(
    ("path", "status", "taken"),
    [
        ("Patient/p1/_history/1", 200, 1),
        ("Patient/gone/_history/2", 410, 1),
        ("Patient/p1/_history", 200, 1),
        ("Patient/_history?_count=1", 200, 1),
        ("_history", 200, 1),
        ("Patient/p1/$everything", 200, 1),
        ("Patient?_count=1&_sort=-_lastUpdated&family:exact=Wirbel%20x", 200, 1),
        ("Patient?_elements=name", 200, 1),
        ("Patient/p1/Observation", 200, 1),
        ("?_type=Patient,Observation", 200, 1),
        ("Patient?birthdate=nonsense", 400, 1),
        ("Patient?_summary=nonsense", 400, 1),
        ("Patient?_format=xml", 200, 0),
        ("Patient?_pretty=maybe", 400, 0),
        ("Patient/" + "x" * 65, 404, 1),
        ("Spaceship/p1", 404, 0),
        ("metadata", 200, 0),
        ("Patient/p%31", 200, 0),
    ],
)
async def test_both_ways_answer_all_that_only_look(server: Served, path: str, status: int, taken: int) -> None:
    answer, way = await both_ways(server, path, {})
    assert (answer.status_code, way) == (status, taken)


WRITTEN = {
    "created": ("POST", "Observation", MADE | {"note": [{"text": "x" * 2000}]}, 201),
    "invalid": ("POST", "Observation", MADE | {"status": 1}, 400),
    "of another type": ("POST", "Observation", {"resourceType": "Patient"}, 400),
    "found": ("POST", "Patient?_id=p1", {"resourceType": "Patient"}, 200),
    "updated": ("PUT", "Patient/p2", {"resourceType": "Patient", "id": "p2", "active": True}, 200),
    "not a patch": ("PATCH", "Patient/p1", {"op": "replace"}, 400),
    "deleted": ("DELETE", "Patient/none", None, 204),
    "deleted by search": ("DELETE", "Patient?_id=none", None, 204),
    "no type": ("POST", "Spaceship", {"resourceType": "Spaceship"}, 404),
    "no Bundle": ("POST", "", MADE, 400),
    "batch": ("POST", "", bundle("batch", {"request": {"method": "GET", "url": "Patient/p1"}}), 200),
    "too much": ("POST", "", bundle("batch", *[{"request": {"method": "GET", "url": "Patient/p1"}}] * 11), 413),
}
_OWN = (re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}"), re.compile(rb'"(versionId|lastUpdated|lastModified)":"[^"]*"'))


@pytest.mark.parametrize("case", WRITTEN)
async def test_both_ways_write_alike(server: Served, case: str) -> None:
    method, path, body, status = WRITTEN[case]
    for headers in ({}, {"accept-encoding": "gzip", "prefer": "return=representation"}):
        answers = []
        for more in ({}, LONG_WAY):
            before = server.way.taken
            answer = await server.client.request(method, f"/fhir/{path}", json=body, headers=headers | more)
            assert answer.status_code == status
            assert server.way.taken - before == (not more and case != "no type")
            answers.append(written(answer))
        assert answers[0] == answers[1]


def written(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """An answer without what is of its own resource."""
    status, headers, body = told(answer)
    for name in ("content-length", "etag", "last-modified", "location"):
        if name in headers:
            headers[name] = ""
    for own in _OWN:
        body = own.sub(b"", body)
    return status, headers, body


async def test_what_is_not_to_be_had_at_once_is_read_together(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    large = PATIENT | {"id": "large", "name": [{"family": "".join(f"{number:x}" for number in range(40_000))}]}
    await server.client.put("/fhir/Patient/large", json=large)
    monkeypatch.setattr(Looks, "at_once", lambda *_, **__: None)
    paths = ("Patient/p1", "Patient/none", "Patient/gone", "Patient/large")
    headers: list[dict[str, str]] = [{}, {"if-none-match": 'W/"1"'}, {"if-none-match": 'W/"7"'}]
    asked = [(f"/fhir/{path}", sent) for sent in headers for path in paths * 2]
    short = await asyncio.gather(*(server.client.get(path, headers=sent) for path, sent in asked))
    assert [answer.status_code for answer in short[:4]] == [200, 404, 410, 200]
    for (path, sent), answer in zip(asked, short, strict=True):
        assert told(answer) == told(await server.client.get(path, headers=sent | LONG_WAY))


async def test_requests_sent_before_the_answers_are_answered_in_their_order(server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    one = f"GET /fhir/Patient/%s HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\nx-request-id: %s\r\n\r\n"
    for number in range(20):
        writer.write((one % ("p1" if number % 3 else "p%31", number)).encode())
        if number % 2:
            await asyncio.sleep(0)
    for number in range(20):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert f"x-request-id: {number}\r\n".encode() in head
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def test_a_request_that_comes_in_pieces_is_answered(server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for piece in (b"GET /fhir/Patient/p1 HT", b"TP/1.1\r\nhost: 127.0.0.1\r\n", b"\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(("more", "patience", "taken"), [("", 30, 1), ("", 0, 0), ("expect: 100-continue\r\n", 30, 0)])
async def test_a_body_may_come_behind_its_head_and_in_pieces(
    server: Served, monkeypatch: pytest.MonkeyPatch, more: str, patience: float, taken: int
) -> None:
    monkeypatch.setattr("fhir_service.api.short_connections._MOMENT", patience)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = json.dumps(MADE).encode()
    head = f"POST /fhir/Observation HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/fhir+json\r\n{more}"
    before = server.way.taken
    for piece in (f"{head}content-length: {len(body)}\r\n\r\n".encode(), body[:20], body[20:]):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)
    line = await reader.readline()
    if more:
        assert line.startswith(b"HTTP/1.1 100")
        await reader.readline()
        line = await reader.readline()
    assert line.startswith(b"HTTP/1.1 201")
    assert server.way.taken - before == taken
    writer.close()


async def test_a_connection_is_closed_after_a_while_in_which_nothing_is_asked(repository: Repository) -> None:
    async with served(repository, timeout_keep_alive=0.05) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /fhir/Patient/none HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert b" 404 " in await reader.readline()
        assert (await reader.read()).endswith(b"}]}")
        writer.close()


async def test_both_ways_let_in_the_same_and_are_recorded_alike(repository: Repository) -> None:
    await repository.clients.add(Registered("reader", "a test", "system/*.cruds", "", '{"keys": []}'))
    async with served(repository, access="smart", rate_limit="") as server:
        tokens = server.service.authority.tokens

        def shown(scope: str) -> dict[str, str]:
            return {"authorization": f"Bearer {tokens.issue('reader', scope)}"}

        everything = shown("system/*.cruds system/AuditEvent.rs")
        await server.client.put("/fhir/Patient/p1", json=PATIENT, headers=everything)
        cases = [
            (everything, 200, 1),
            (shown("system/Patient.rs?gender=female"), 404, 0),
            (shown("system/Observation.rs"), 403, 0),
            ({"authorization": "Bearer nonsense"}, 401, 0),
            ({}, 401, 0),
        ]
        for headers, status, taken in cases:
            answer, way = await both_ways(server, "Patient/p1", headers)
            assert (answer.status_code, way) == (status, taken)
            if status < 401:
                assert (await both_ways(server, "Patient?_count=1", headers))[0].status_code == 200
            if status not in (200, 401):
                assert (await both_ways(server, "Patient/p1", headers))[1] == 1  # once it is known who asks
        for _ in range(2):
            assert (await both_ways(server, "Patient/none", everything))[0].status_code == 404
        for more in ({}, LONG_WAY):
            headers = everything | more
            assert (await server.client.delete("/fhir/Patient/none", headers=headers)).status_code == 204
            assert (await server.client.post("/fhir/Patient", json=MADE, headers=headers)).status_code == 400
        await server.service.accesses.flush()  # type: ignore[union-attr]  # accesses are recorded
        shown_of = ("subtype=read&outcome=0", "subtype=read&outcome=4", "subtype=search-type", "subtype=create")
        for wanted in (*shown_of, "subtype=delete"):
            found = (await server.client.get(f"/fhir/AuditEvent?{wanted}", headers=everything)).json()["entry"]
            records = [recorded(entry["resource"]) for entry in found]
            assert records[::2] == records[1::2]


async def test_behind_a_proxy_both_ways_believe_it_alike(repository: Repository) -> None:
    said = {"x-forwarded-proto": "https", "x-forwarded-host": "registry.example.org", "x-forwarded-for": "203.0.113.9"}
    hosts = ("registry.example.org", "127.0.0.1")
    async with served(repository, allowed_hosts=hosts, trusted_proxies=("127.0.0.1",), rate_limit="5/hour") as server:
        assert (await server.client.put("/fhir/Patient/p1", json=PATIENT, headers=said)).status_code == 201
        assert server.way.taken == 1
        await both_ways(server, "Patient/p1", said)
        found, taken = await both_ways(server, "Patient?_count=1", said)
        assert (taken, found.json()["link"][0]["url"]) == (1, "https://registry.example.org/fhir/Patient?_count=1")
        assert (await both_ways(server, "Patient/p1", said | {"x-forwarded-host": "elsewhere.example.org"}))[1] == 0
        assert (await server.client.get("/fhir/Patient/p1", headers=said)).status_code == 429, (
            "the sixth of that client"
        )
        other = said | {"x-forwarded-for": "203.0.113.10"}
        assert (await both_ways(server, "Patient/p1", other))[1] == 1


async def test_a_peer_that_is_no_proxy_is_not_believed_on_the_short_way(repository: Repository) -> None:
    async with served(repository, trusted_proxies=("10.0.0.1",)) as server:
        found, taken = await both_ways(server, "Patient?_count=1", {"x-forwarded-proto": "https"})
        assert (taken, found.json()["link"][0]["url"][:7]) == (1, "http://")


async def test_a_revoked_client_is_refused_on_the_short_way_too(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    await repository.clients.add(Registered("reader", "a test", "system/*.cruds", "", '{"keys": []}'))
    async with served(repository, access="smart", rate_limit="") as server:
        token = server.service.authority.tokens.issue("reader", "system/*.rs")
        for taken in (0, 1):
            answer = await server.client.get("/fhir/Patient/none", headers={"authorization": f"Bearer {token}"})
            assert (answer.status_code, server.way.taken) == (404, taken)
        await repository.clients.revoke("reader")
        monkeypatch.setattr("fhir_service.api.auth.gate.RECHECK_SECONDS", 0)
        answer = await server.client.get("/fhir/Patient/none", headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, server.way.taken) == (401, 1)


async def test_what_a_client_that_hung_up_has_begun_is_ended_and_recorded_before_the_service_ends(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Repository.commit

    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(0.5)
        return await commit(*arguments)

    async with served(repository, audit="on") as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = json.dumps(PATIENT).encode()
        head = "PUT /fhir/Patient/p1 HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/fhir+json\r\n"
        monkeypatch.setattr(Repository, "commit", slow)
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await asyncio.sleep(0.2)
        assert server.way.taken == 1
        writer.transport.abort()
    monkeypatch.undo()
    async with served(repository, audit="on") as server:
        assert (await server.client.get("/fhir/Patient/p1")).status_code == 200
        (found,) = (await server.client.get("/fhir/AuditEvent?subtype=update")).json()["entry"]
        assert found["resource"]["outcome"] == "0"


@pytest.mark.parametrize("path", ["Patient/p1", "Patient?_count=1"])
async def test_what_cannot_be_compressed_is_told_and_the_connection_goes_on(
    server: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def fail(*_: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("fhir_service.api.visit.compressed", fail)
    before = server.way.taken
    for headers, status in (({"accept-encoding": "gzip"}, 500), ({}, 200)):
        answer = await server.client.get(f"/fhir/{path}", headers=headers, timeout=2)
        assert (answer.status_code, answer.json()["resourceType"] == "OperationOutcome") == (status, status == 500)
    assert server.way.taken == before + 2


async def test_a_request_counts_once_whichever_way_it_goes(repository: Repository) -> None:
    async with served(repository, rate_limit="4/hour") as server:
        statuses = [
            (await server.client.get("/fhir/Patient/none", headers=LONG_WAY if number == 2 else {})).status_code
            for number in range(5)
        ]
        assert statuses == [404, 404, 404, 404, 429]


def recorded(event: dict[str, Any]) -> dict[str, Any]:
    """An AuditEvent without its name, its time, and what names the request."""
    del event["id"], event["meta"], event["recorded"], event["entity"][0]
    return event
