"""`fhir-service export`: of the store, and of a server, where the same command goes on after the process was killed."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from command import COMMAND
from stub_server import Reply, reply, stub_server
from typer.testing import CliRunner

from fhir_service.cli.commands import command_line

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
        done = await asyncio.to_thread(CliRunner().invoke, command_line(), arguments)
        again = await asyncio.to_thread(CliRunner().invoke, command_line(), arguments)
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


def test_the_store_of_the_settings_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_SERVICE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")
    folder = str(tmp_path / "all")

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(command_line(), ["export", folder, *arguments])
        return done.exit_code, done.stderr

    assert run("--since", "last") == (2, f"{folder} has no complete export yet; begin with one without --since\n")
    code, told = run("--type", "Patient")
    assert (code, told.startswith("0 resources as of 20")) == (0, True)
    assert run("--since", "last")[0] == 0
    assert [list(one.iterdir()) for one in tmp_path.glob("all/since-*")] == [[]]  # nothing has changed
    assert run("--since", "yesterday")[1] == "'yesterday' is no instant such as 2026-01-31T12:00:00Z\n"
    assert "FHIR R4 has no Nothing" in run("--type", "Nothing", "--since", "last")[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--client-id", "a"), "--client-id and --key go together"),
        (("--client-id", "a", "--key", "KEY"), "--client-id and --key are for a --server"),
        (("--group", "g", "--patients"), "leave --patients out"),
        (("--server", "https://a.example.org", "--client-id", "a", "--key", "KEY"), "neither PEM nor a JSON Web Key"),
        (("--server", "ftp://a.example.org"), "--server is no plain http or https URL"),
        (("--server", "http://192.0.2.1/fhir", "--group", "../x"), "'../x' is no id of a Group"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    key = tmp_path / "key"
    key.write_text("no key")
    told = [str(key) if one == "KEY" else one for one in arguments]
    done = CliRunner().invoke(command_line(), ["export", str(tmp_path / "out"), *told])
    assert done.exit_code == 2
    assert reason in done.stderr
