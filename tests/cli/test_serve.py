"""`fhir-service serve` in a process of its own, asked over a socket."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from command import COMMAND
from sample_reports import KYPHOPLASTY


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def server(environment, port: int, tmp_path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", str(port)],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until_ready(port, process)
    yield process
    process.kill()
    process.communicate()


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(600):
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
    raise AssertionError("the service did not become ready")


def test_what_was_loaded_is_served_and_ctrl_c_stops_it_cleanly(run, server, port: int, tmp_path) -> None:
    (tmp_path / "report.txt").write_text(KYPHOPLASTY)
    assert run("load", "report.txt").returncode == 0
    base = f"http://127.0.0.1:{port}/fhir"
    assert httpx.get(f"{base}/Patient?_summary=count").json()["total"] == 1
    (patient,) = httpx.get(f"{base}/Patient").json()["entry"]
    everything = httpx.get(f"{base}/Patient/{patient['resource']['id']}/$everything").json()
    assert {"Procedure", "AdverseEvent"} <= {entry["resource"]["resourceType"] for entry in everything["entry"]}
    server.send_signal(signal.SIGINT)
    _, said = server.communicate(timeout=30)
    assert server.returncode in (0, 130, -signal.SIGINT)
    assert b"Traceback" not in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_it_refuses_to_listen_beyond_this_machine(run, host: str) -> None:
    done = run("serve", "--host", host)
    assert done.returncode == 2
    assert b"access control is not set up" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr


def test_a_setting_that_is_misspelt_is_named(run) -> None:
    done = run("serve", FHIR_SERVICE_DATABSE_URL="x")
    assert done.returncode == 2
    assert b"FHIR_SERVICE_DATABASE_URL" in done.stderr


def test_a_port_that_is_taken_and_a_broken_database_are_one_sentence_each(run, tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = run("serve", "--port", taken.getsockname()[1])
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    for done in (busy, run("serve", "--port", 0)):
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
        assert b"http://" not in done.stderr
