"""The log: one line of JSON a request, and nothing of a patient in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from api_client import Client, patient

from fhir_service.api.log_lines import JsonLines

SECRETS = ("Wellington", "19700203", "1970-02-03", "secret-token", "mrn-4711")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service logs, at its usual level."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines(texts_of_errors=False))
    logger = logging.getLogger("fhir_service")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)
    logger.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_each_request_is_a_line_that_names_no_patient(client: Client, log: io.StringIO) -> None:
    body = patient(name=[{"family": "Wellington"}], birthDate="1970-02-03")
    sent = {"authorization": "Bearer secret-token", "x-request-id": "r-1"}
    await client.put("/fhir/Patient/mrn-4711", json={**body, "id": "mrn-4711"}, headers=sent)
    await client.get("/fhir/Patient?family=Wellington&birthdate=1970-02-03")
    await client.post("/fhir/Patient/_search", data={"family": "Wellington"}, headers={"content-type": FORM})
    await client.get("/fhir/Patient/mrn-4711/Observation?code=19700203")
    await client.get("/mrn-4711?name=Wellington")
    told = lines(log)
    assert [(line["method"], line["route"], line["status"]) for line in told] == [
        ("PUT", "update Patient/{id}", 201),
        ("GET", "search-type Patient", 200),
        ("POST", "search-type Patient/_search", 200),
        ("GET", "search-compartment Patient/{id}/{member}", 200),
        ("GET", "unknown", 404),
    ]
    assert told[0]["request"] == "r-1"
    assert told[0]["address"] == "127.0.0.1"
    assert all(line["ms"] >= 0 and line["bytes"] >= 0 and line["time"] for line in told)
    assert not [secret for secret in SECRETS if secret in log.getvalue()]


FORM = "application/x-www-form-urlencoded"


async def test_a_fault_of_ours_is_told_by_its_place_and_not_by_its_text(
    idle_client: Client, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("cannot store Wellington") from ValueError("born 1970-02-03")

    monkeypatch.setattr("fhir_service.storage.repository.Repository.read", broken)
    answer = await idle_client.get("/fhir/Patient/mrn-4711", headers={"x-request-id": "r-2"})
    assert answer.status_code == 500
    fault = next(line for line in lines(log) if "error" in line)
    assert fault["request"] == "r-2"
    assert fault["error"]["type"] == "builtins.RuntimeError"
    assert fault["error"]["cause"]["type"] == "builtins.ValueError"
    assert any("interactions/read.py" in place for place in fault["error"]["at"])
    assert not [secret for secret in SECRETS if secret in log.getvalue()]
