"""The service as it is deployed: uvicorn, a socket, a store that it opens and closes itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from api_client import JSON, issues, patient, settings
from socket_server import serving

from fhir_service.api.app import create_app, short_way_of
from fhir_service.api.short_connections import connection_of

LIMIT = 16 * 1024 * 1024


@pytest_asyncio.fixture
async def port(database_url: str) -> AsyncIterator[int]:
    """As `serve` does it."""
    chosen = settings(database_url=database_url)
    app = create_app(chosen)
    async with serving(app, http=connection_of(chosen, short_way_of(app)), ws="none") as port:
        yield port


@pytest_asyncio.fixture
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=JSON) as client:
        yield client


async def exchange(port: int, *parts: bytes) -> bytes:
    """Send the parts as they are, reading meanwhile, until an answer is there or the server has closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()

    sending = asyncio.create_task(send())
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", answer.lower())[0])
    answer += b"" if parts[0].startswith(b"HEAD") else await reader.readexactly(length)
    sending.cancel()
    writer.close()
    return answer


def head(method: str, path: str, port: int, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "content-type: application/fhir+json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_a_resource_goes_in_and_comes_out(client: httpx.AsyncClient, port: int) -> None:
    made = await client.post("/fhir/Patient", json=patient(gender="female"))
    assert made.status_code == 201
    assert made.headers["location"].startswith(f"http://127.0.0.1:{port}/fhir/Patient/")
    read = await client.get(made.headers["location"])
    assert read.content == made.content
    assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == 1
    unchanged = await client.get(made.headers["location"], headers={"if-none-match": read.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert "content-length" not in unchanged.headers or unchanged.headers["content-length"] == "0"
    assert (await client.delete(f"/fhir/Patient/{made.json()['id']}")).status_code == 204
    assert (await client.get("/readyz")).status_code == 200


async def test_head_has_the_length_and_no_body_and_the_connection_goes_on(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head("HEAD", "/fhir/metadata", port) + head("GET", "/healthz", port))
    first, second = await reader.readuntil(b"\r\n\r\n"), await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert first.startswith(b"HTTP/1.1 200")
    assert b"content-length: 0" not in first.lower()
    assert second.startswith(b"HTTP/1.1 200")


async def test_a_body_of_20_mib_is_413_and_the_service_goes_on(client: httpx.AsyncClient) -> None:
    text = json.dumps(patient(name=[{"text": "x" * 20 * 1024 * 1024}])).encode()
    for url in ("/fhir/Patient", "/fhir"):
        answer = await client.post(url, content=text)
        assert answer.status_code == 413
        assert issues(answer)[0]["code"] == "too-long"
    assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == 0


async def test_an_announced_length_over_the_limit_is_413_before_the_body_is_sent(port: int) -> None:
    answer = await exchange(port, head("POST", "/fhir/Patient", port, content_length=str(LIMIT + 1)))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert b"OperationOutcome" in answer


async def test_an_endless_body_is_cut_at_the_limit(port: int) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    answer = await exchange(port, head("POST", "/fhir/Patient", port, transfer_encoding="chunked"), *[chunk] * 1000)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"OperationOutcome" in answer


async def test_a_client_that_waits_for_leave_to_send_gets_413_instead(port: int) -> None:
    waiting = head("POST", "/fhir/Patient", port, content_length=str(LIMIT + 1), expect="100-continue")
    assert (await exchange(port, waiting)).startswith(b"HTTP/1.1 413")


async def test_a_client_that_hangs_up_in_its_body_leaves_nothing_behind(client: httpx.AsyncClient, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head("POST", "/fhir/Patient", port, content_length="1000") + b'{"resourceType":"Patient"')
    await writer.drain()
    writer.close()
    assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == 0


async def test_a_request_without_a_host_is_refused(port: int) -> None:
    answer = await exchange(port, b"GET /fhir/Patient HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421")


async def test_a_foreign_host_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fhir/Patient", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert issues(answer)


async def test_many_clients_write_at_once(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/fhir/Patient", json=patient()) for _ in range(60)))
    assert {answer.status_code for answer in answers} == {201}
    assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == 60


async def test_an_address_or_headers_over_the_limit_are_refused_and_the_service_goes_on(
    client: httpx.AsyncClient, port: int
) -> None:
    for size in (33_000, 1024 * 1024):
        long = "a" * size
        address = await exchange(port, head("GET", f"/fhir/Patient?name={long}", port))
        headers = await exchange(port, head("GET", "/fhir/Patient", port, x_long=long))
        assert address.startswith(b"HTTP/1.1 414")
        assert headers.startswith(b"HTTP/1.1 431")
        assert b"OperationOutcome" in headers
    assert (await client.get("/fhir/Patient", params={"_id": "a" * 30_000})).status_code in (200, 400)


async def test_clients_that_hang_up_everywhere_at_once_leave_the_others_and_the_store_alone(
    client: httpx.AsyncClient, port: int
) -> None:
    body = json.dumps(patient(name=[{"text": "x" * 5000}])).encode()
    whole = head("POST", "/fhir/Patient", port, content_length=str(len(body)), if_none_exist="name=nobody") + body
    read = head("GET", "/fhir/Patient?_count=1000", port)

    async def hang_up(number: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        request = read if number % 3 == 0 else whole[: len(whole) * (number % 50) // 50]
        writer.write(request)
        await writer.drain()
        writer.transport.abort()

    stored = await client.post("/fhir/Patient", json=patient())
    await asyncio.gather(*(hang_up(number) for number in range(150)))
    answers = await asyncio.gather(*(client.get(f"/fhir/Patient/{stored.json()['id']}") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == 1
