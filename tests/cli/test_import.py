"""`fhir-service import`: killed half-way, the same command goes on; no resource is lost or has a second version."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from command import COMMAND

COUNT = 6_500


def resources() -> bytes:
    return b"".join(b'{"resourceType":"Patient","id":"p%d","active":true}\n' % number for number in range(COUNT))


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_a_killed_import_goes_on(database_url: str, environment: dict[str, str], tmp_path: Path) -> None:
    settings = environment | {"FHIR_SERVICE_DATABASE_URL": database_url}
    refused, whole = tmp_path / "refused.ndjson", tmp_path / "all.ndjson"
    os.mkfifo(refused)
    whole.write_bytes(resources() + b"{}\n")
    command = [COMMAND, "import", "--workers", "1", "--errors", str(refused), "-"]
    process = subprocess.Popen(command, env=settings, cwd=tmp_path, stdin=subprocess.PIPE)
    assert process.stdin is not None
    with refused.open("rb") as told:
        process.stdin.write(b'{"resourceType":"Patient"}\n' + resources())  # and no end of it
        process.stdin.flush()
        outcome = json.loads(told.readline())  # the first batch is durable
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert outcome["issue"][0]["details"]["coding"] == [{"code": "import.id"}]
    assert outcome["issue"][0]["extension"][0]["valueInteger"] == 1
    again = subprocess.run(
        [COMMAND, "import", "--workers", "2", str(whole)], env=settings, cwd=tmp_path, capture_output=True, check=False
    )
    assert again.returncode == 1, again.stderr
    *_, last = again.stderr.decode().splitlines()
    assert f"{whole}:{COUNT + 1}: " in again.stderr.decode()
    stored, _, rest = last.partition(" resources imported: ")
    created, updated, unchanged = (int(part.split()[0].replace(",", "")) for part in rest.split(";")[0].split(", "))
    assert stored == f"{COUNT:,}"
    assert (created + unchanged, updated) == (COUNT, 0)
    assert 0 < unchanged < COUNT
