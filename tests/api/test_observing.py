"""What is measured and traced of a running service: enough to see where the time goes, and nothing of a patient."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from api_client import JSON, settings
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fhir_service.api.app import create_app
from fhir_service.api.observing.meter import Meter
from fhir_service.api.observing.observers import Observers, observers_of
from fhir_service.storage.jobs import NewShard
from fhir_service.storage.load import PoolUse
from fhir_service.storage.repository import Repository

PATIENT = b'{"resourceType":"Patient","id":"named-by-a-hospital"}'


def client_of(repository: Repository, observers: Observers) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(settings(), repository, observers=observers), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=JSON)


@pytest.fixture
def meter() -> Meter:
    return Meter()


def measures(meter: Meter) -> dict[str, float]:
    """What Prometheus would read."""
    text = httpx.get(f"http://127.0.0.1:{meter.serve('127.0.0.1', 0)}/metrics").text
    assert "named-by-a-hospital" not in text
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_requests_are_counted_by_interaction_type_and_status(repository: Repository, meter: Meter) -> None:
    async with client_of(repository, Observers(meter)) as client:
        await client.put("/fhir/Patient/named-by-a-hospital", content=PATIENT)
        for address in ("Patient/named-by-a-hospital", "Patient/nobody", "Patient?family=x", "Patient", "Nonsense"):
            await client.get(f"/fhir/{address}")
        await client.get("/healthz")
    found = measures(meter)
    counted = {
        name.removeprefix("fhir_service_request_seconds_count"): value
        for name, value in found.items()
        if name.startswith("fhir_service_request_seconds_count")
    }
    assert counted == {
        '{interaction="update",status="201",type="Patient"}': 1,
        '{interaction="read",status="200",type="Patient"}': 1,
        '{interaction="read",status="404",type="Patient"}': 1,
        '{interaction="search-type",status="200",type="Patient"}': 2,
        '{interaction="other",status="404",type=""}': 1,
        '{interaction="other",status="200",type=""}': 1,
    }


async def test_the_store_tells_its_groups_connections_and_jobs(repository: Repository, meter: Meter) -> None:
    observers = Observers(meter)
    async with observers.watching(repository), client_of(repository, observers) as client:
        await client.put("/fhir/Patient/named-by-a-hospital", content=PATIENT)
        await repository.jobs.begin("export", "somebody", "{}", [NewShard("{}"), NewShard("{}")], most=9)
        await meter.look_at(repository)
    found = measures(meter)
    assert found["fhir_service_commit_group_changes_count"] == 2
    assert found["fhir_service_changes_waiting"] == 0
    assert found['fhir_service_jobs{kind="export",state="running"}'] == 1
    assert found['fhir_service_job_shards{kind="export",state="open"}'] == 2
    pool = {state: found[f'fhir_service_connections{{purpose="read",state="{state}"}}'] for state in PoolUse._fields}
    assert 0 <= pool["lent"] + pool["kept"] <= pool["most"]


async def test_spans_go_on_with_the_trace_of_the_caller_and_name_no_patient(repository: Repository) -> None:
    sent = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(sent))
    observers = Observers(traces=provider)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with observers.watching(repository), client_of(repository, observers) as client:
        at = "/fhir/Patient/named-by-a-hospital"
        await client.put(at, content=PATIENT, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        await client.get(at, headers={"traceparent": "nonsense"})
    spans = {span.name: span for span in sent.get_finished_spans()}
    assert set(spans) == {"commit", "update Patient/{id}", "read Patient/{id}"}
    update, read = spans["update Patient/{id}"], spans["read Patient/{id}"]
    assert (f"{update.context.trace_id:032x}", f"{update.parent.span_id:016x}") == (trace, "00f067aa0ba902b7")
    assert read.parent is None
    assert (update.attributes["http.response.status_code"], update.attributes["fhir.interaction"]) == (201, "update")
    assert spans["commit"].attributes["fhir_service.changes"] == 1
    assert not [span.name for span in spans.values() if "named-by-a-hospital" in span.to_json()]


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a collector, and what was sent to it."""
    received: list[bytes] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
    server.shutdown()


async def test_a_collector_has_every_span_once_the_service_ends(
    repository: Repository, collector: tuple[str, list[bytes]]
) -> None:
    address, received = collector
    observers = observers_of(settings(traces_url=address))
    async with observers.watching(repository), client_of(repository, observers) as client:
        await client.get("/fhir/Patient/nobody")
    assert b"read Patient/{id}" in b"".join(received)
