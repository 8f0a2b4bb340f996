"""Servers in processes of their own, to be measured from outside: ours as somebody would start it, and others."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import http_load
from joserfc.jwk import ECKey

from fhir_service.api.auth.tokens import Tokens, token_key
from fhir_service.fhir.errors import EditConflict
from fhir_service.storage.clients import Client
from fhir_service.storage.repository import open_repository

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
_SCOPES = "system/*.cruds"
_TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. `base` is the FHIR base; `authorization` what a request has to show, empty for nothing."""

    name: str
    base: str
    process: int
    authorization: str = ""
    seconds_to_ready: float = 0.0

    def get(self, path: str, **headers: str) -> bytes:
        return http_load.request("GET", f"{self.base}/{path}", **self._headers(headers))

    def post(self, path: str, body: bytes, **headers: str) -> bytes:
        return self._send("POST", path, body, headers)

    def put(self, path: str, body: bytes, **headers: str) -> bytes:
        return self._send("PUT", path, body, headers)

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        sent = self._headers({"content_type": "application/fhir+json", **headers})
        return http_load.request(method, f"{self.base}/{path}", body, **sent)

    def ask(self, data: bytes, status: int = 200) -> bytes:
        return http_load.ask(self.base, data, status)

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        shown = {"authorization": self.authorization} if self.authorization else {}
        return {"accept": "application/fhir+json", **shown, **headers}


@contextmanager
def ours(name: str, database_url: str, **settings: str) -> Iterator[Server]:
    """`fhir-service serve` over a database, with access control and AuditEvents, without its log of requests."""
    with tempfile.TemporaryDirectory(prefix="fhir-service-bench-") as folder:
        key_file = Path(folder) / "key.pem"
        key_file.write_bytes(ECKey.generate_key("P-256", private=True).as_pem(private=True))
        asyncio.run(_register(database_url))
        environment = clean_environment() | {
            "FHIR_SERVICE_DATABASE_URL": database_url,
            "FHIR_SERVICE_PORT": str(free_port()),
            "FHIR_SERVICE_ACCESS": "smart",
            "FHIR_SERVICE_RATE_LIMIT": "",
            "FHIR_SERVICE_TOKEN_KEY_FILE": str(key_file),
            "FHIR_SERVICE_LOG_LEVEL": "warning",
            "FHIR_SERVICE_EXPORT_FILES": f"{folder}/exports",
            "PYTHONPATH": str(ROOT),
            **{f"FHIR_SERVICE_{setting.upper()}": value for setting, value in settings.items()},
        }
        origin = f"http://127.0.0.1:{environment['FHIR_SERVICE_PORT']}"
        token = Tokens(token_key(str(key_file)), f"{origin}/fhir", _TOKEN_SECONDS).issue("bench", _SCOPES)
        begun = time.perf_counter()
        with running([sys.executable, "-m", "fhir_service.cli", "serve"], origin, "/readyz", environment) as process:
            yield Server(name, f"{origin}/fhir", process, f"Bearer {token}", time.perf_counter() - begun)


@contextmanager
def running(command: Sequence[str], origin: str, path: str, environment: Mapping[str, str]) -> Iterator[int]:
    """A process that serves; it is there once it answers `path`, and ended afterwards. Raises RuntimeError with its
    own words where it does not start."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=dict(environment), cwd=ROOT, stdout=said, stderr=said)
        try:
            wait_for(process, origin, path, said.fileno())
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(process: subprocess.Popen[bytes], origin: str, path: str, said: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            http_load.ask(origin, http_load.request("GET", origin + path))
        except OSError:
            time.sleep(0.005)
        else:
            return
    raise RuntimeError(f"{process.args} does not answer: {os.pread(said, 4000, 0).decode(errors='replace')}")


def free_port() -> int:
    with http_load.socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """Without settings of ours, and with modules that are compiled once, as those of an installed service are."""
    unwanted = ("FHIR_SERVICE_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


async def _register(database_url: str) -> None:
    repository = await open_repository(database_url)
    try:
        with suppress(EditConflict):  # a store that was served before
            await repository.clients.add(Client("bench", "the benchmark", _SCOPES, "", '{"keys": []}'))
    finally:
        await repository.close()
