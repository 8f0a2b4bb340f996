"""`fhir-service serve` in a process of its own, as a newcomer starts it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from command import COMMAND

START_SECONDS = 60


def served(database_url: str, folder: Path, **settings: str) -> Iterator[str]:
    """The FHIR base of a service that is started here and stopped afterwards."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SERVICE_")}
    said = folder / "said.txt"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0"],
            env=clean | {"FHIR_SERVICE_DATABASE_URL": database_url, **settings},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"{_address(said, process)}/fhir"
        assert process.poll() is None, said.read_text()
        assert "Traceback" not in said.read_text()
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(said: Path, process: subprocess.Popen[bytes]) -> str:
    """What the service says it listens on, once it answers there."""
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client() as client:  # to make one takes longer than to ask
        while time.monotonic() < deadline:
            assert process.poll() is None, said.read_text()
            found = re.search(r" on (http://\S+)", said.read_text())
            with contextlib.suppress(httpx.TransportError):
                if found and client.get(f"{found[1]}/readyz").status_code == 200:
                    return found[1]
            time.sleep(0.05)
    raise AssertionError(f"the service did not start: {said.read_text()}")
