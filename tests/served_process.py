"""`fhir-service` in a process of its own, which can be killed and started again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
_PORTS = range(10_000, 30_000)
"""None that the system gives to whoever connects somewhere, as other tests do all the time."""


def free_port(count: int = 1) -> int:
    """The first of so many, one behind the other."""
    while True:
        first = random.choice(_PORTS)
        try:
            with ExitStack() as probes:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


class ServedProcess:
    """`fhir-service serve`, or another command that runs until it is stopped, over one database."""

    def __init__(self, folder: Path, database_url: str, *command: str, **settings: str) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._command = command or ("serve", "--port", str(self.port))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SERVICE_")}
        files = {"FHIR_SERVICE_EXPORT_FILES": str(folder / "exports"), "FHIR_SERVICE_DATABASE_URL": database_url}
        self._environment = clean | files | settings | {"PYTHONPATH": str(ROOT)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self._folder / "serve.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def begin(self) -> Self:
        """Start, without waiting."""
        with (self._folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fhir_service.cli", *self._command],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        return self

    async def start(self) -> Self:
        """Start, and wait until it is ready."""
        if not self.lives:
            self.begin()
        async with httpx.AsyncClient(base_url=self.base) as client, asyncio.timeout(START_SECONDS):
            while not await self.is_ready(client):
                assert self.lives, self.log[-2000:]
                await asyncio.sleep(0.05)
        return self

    @staticmethod
    async def until_ready(client: httpx.AsyncClient, *, ready: bool = True, path: str = "/readyz/writes") -> None:
        """Wait until it says that it is, or is not."""
        async with asyncio.timeout(START_SECONDS):
            while await ServedProcess.is_ready(client, path) is not ready:  # noqa: ASYNC110  # it changes in another process
                await asyncio.sleep(0.02)

    @staticmethod
    async def is_ready(client: httpx.AsyncClient, path: str = "/readyz/writes") -> bool:
        try:
            return (await client.get(path)).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, sent: signal.Signals = signal.SIGTERM) -> None:
        if self.lives and self._process is not None:
            self._process.send_signal(sent)
            self._process.wait(timeout=30)
