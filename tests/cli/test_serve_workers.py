"""Several processes that serve one address, and how they come to their end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
from served_process import ServedProcess, free_port

PATIENT = b'{"resourceType":"Patient","name":[{"family":"Last"}]}'
HEAD = (
    "POST /fhir/Patient HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/fhir+json\r\n"
    "content-length: {length}\r\n\r\n"
)


def test_several_processes_want_postgresql_and_one_key(run) -> None:
    sqlite = run("serve", "--workers", 2)
    assert sqlite.returncode == 2
    assert b"SQLite has one writer" in sqlite.stderr
    address = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
    keyless = run("serve", "--workers", 2, FHIR_SERVICE_DATABASE_URL=address, FHIR_SERVICE_ACCESS="smart")
    assert keyless.returncode == 2
    assert b"FHIR_SERVICE_TOKEN_KEY_FILE" in keyless.stderr


async def test_one_that_dies_is_replaced_and_a_stop_lets_requests_end(
    lasting_database: Callable[[str], str], tmp_path: Path
) -> None:
    port = free_port(3)
    meters = port + 1  # and the one behind it, of the second process
    command = ("serve", "--workers", "2", "--port", str(port))
    address = f"127.0.0.1:{meters}"
    service = ServedProcess(tmp_path, lasting_database("postgresql"), *command, FHIR_SERVICE_METRICS_ADDRESS=address)
    service.base = f"http://127.0.0.1:{port}"
    await service.start()
    try:
        first = serving(service.pid, 2)
        os.kill(first[0], signal.SIGKILL)
        assert first[1] in serving(service.pid, 2, killed=first[0])
        for number in range(2):  # each tells its own, also the one that came later
            await wait_until_told(f"http://127.0.0.1:{meters + number}/metrics")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(HEAD.format(port=port, length=len(PATIENT)).encode() + PATIENT[:20])
            async with httpx.AsyncClient(base_url=service.base) as other:
                assert (await other.get("/fhir/Patient?_summary=count")).json()["total"] == 0
            os.kill(service.pid, signal.SIGTERM)
            wait_until_refused(port)
            client.sendall(PATIENT[20:])
            assert b" 201 Created" in client.recv(1 << 16)
    finally:
        service.end()
    assert "Traceback" not in service.log


async def wait_until_told(address: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(30):
        while True:
            with suppress(httpx.TransportError):
                assert "fhir_service_request_seconds" in (await client.get(address)).text
                return
            await asyncio.sleep(0.05)


def serving(parent: int, count: int, *, killed: int = 0) -> list[int]:
    """The processes of a service, once there are so many that neither end nor were killed: that takes a moment."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    for _ in range(200):
        found = [int(process) for process in children.read_text().split() if not is_ended(process)]
        if len(found) == count and killed not in found:
            return found
        time.sleep(0.05)
    raise AssertionError("there are not as many processes as there should be")


def is_ended(process: str) -> bool:
    """Also where nobody has asked yet how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except FileNotFoundError:
        return True


def wait_until_refused(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    raise AssertionError("the service takes new connections")
