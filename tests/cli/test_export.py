"""`fhir-service export --server`: killed half-way, the same command goes on."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from command import COMMAND
from stub_server import Reply, reply, stub_server
from typer.testing import CliRunner

from fhir_service.cli import app

LINES = b"".join(json.dumps({"resourceType": "Patient", "id": f"p{number}"}).encode() + b"\n" for number in range(50))


async def test_a_killed_export_goes_on_where_it_was(tmp_path: Path, environment: dict[str, str]) -> None:
    half = len(LINES) // 2
    rest = {"Content-Range": f"bytes {half}-{len(LINES) - 1}/{len(LINES)}"}
    folder = tmp_path / "cohort"
    async with stub_server() as stub:
        files = [{"type": "Patient", "url": f"{stub.origin}/{name}", "count": 50} for name in ("one", "two")]
        listed = {"transactionTime": "2026-01-01T00:00:00Z", "requiresAccessToken": False, "output": files}
        stub.routes = {
            "GET /fhir/Group/g/$export": Reply(202, headers={"Content-Location": f"{stub.origin}/fhir/status"}),
            "GET /fhir/status": reply(listed),
            "GET /one": Reply(body=LINES),
            "GET /two": [Reply(body=LINES, cut=half, hangs=True), Reply(206, LINES[half:], rest)],
        }
        arguments = ["export", str(folder), "--server", f"{stub.origin}/fhir", "--group", "g", "--parallel", "1"]
        killed = await asyncio.create_subprocess_exec(COMMAND, *arguments, env=environment)
        part = folder / "Patient.001.ndjson.part"
        while not part.exists() or part.stat().st_size < half:  # it is written by another process
            assert killed.returncode is None
            await asyncio.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        again = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert done.exit_code == 0, done.output
    assert "100 resources as of 2026-01-01T00:00:00Z" in done.stderr
    assert [(folder / f"Patient.00{number}.ndjson").read_bytes() == LINES for number in (0, 1)] == [True, True]
    asked = [(one.method, one.target) for one in stub.asked]
    kick_off, status = ("GET", "/fhir/Group/g/$export"), ("GET", "/fhir/status")
    assert asked == [
        kick_off,
        status,
        ("GET", "/one"),
        ("GET", "/two"),
        status,
        ("GET", "/two"),
        ("DELETE", "/fhir/status"),
    ]
    assert (again.exit_code, "holds Patient.000.ndjson already" in again.stderr) == (2, True)
