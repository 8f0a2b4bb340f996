"""What is measured of a running service, for Prometheus. No label names a patient, a client or an address."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, Histogram, Info, start_http_server

from fhir_service import __version__
from fhir_service.fhir.errors import StoreUnavailable

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CHANGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
_BETWEEN_LOOKS = 5.0
"""Seconds between two looks at what is not counted when it happens."""


class Meter:
    """Counts for one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Histogram(
            "fhir_service_request_seconds",
            "Time from the first byte of a request to the last of its answer",
            ("interaction", "type", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._request = lru_cache(maxsize=4096)(self._requests.labels)  # to find one by its labels takes longest
        self._groups = Histogram(
            "fhir_service_commit_group_changes",
            "Changes that became durable with one commit",
            buckets=_CHANGES,
            registry=registry,
        )
        self._commits = Histogram(
            "fhir_service_commit_seconds",
            "Time that one group of commits took",
            buckets=_SECONDS,
            registry=registry,
        )
        self._waiting = Gauge(
            "fhir_service_changes_waiting",
            "Changes that wait to be written",
            registry=registry,
        )
        self._connections = Gauge(
            "fhir_service_connections",
            "Database connections by what they are for; state: lent, kept, most",
            ("purpose", "state"),
            registry=registry,
        )
        self._jobs = Gauge(
            "fhir_service_jobs",
            "Jobs of the store, such as exports",
            ("kind", "state"),
            registry=registry,
        )
        self._shards = Gauge(
            "fhir_service_job_shards",
            "Parts of the jobs that run",
            ("kind", "state"),
            registry=registry,
        )
        Info("fhir_service", "Which release runs", registry=registry).info({"version": __version__})

    def request(self, interaction: str, kind: str, status: int, seconds: float) -> None:
        """A request was answered; `kind` is the type of resource, or empty."""
        self._request(interaction, kind, str(status)).observe(seconds)

    def group(self, changes: int, seconds: float) -> None:
        """So many changes were made durable together."""
        self._groups.observe(changes)
        self._commits.observe(seconds)

    async def follow(self, repository: Repository) -> None:
        """Look at the store now and then, until cancelled."""
        while True:
            with suppress(StoreUnavailable):  # /readyz tells that; the last numbers stay
                await self.look_at(repository)
            await asyncio.sleep(_BETWEEN_LOOKS)

    async def look_at(self, repository: Repository) -> None:
        """Raises StoreUnavailable."""
        load = await repository.health.how_busy()
        self._waiting.set(load.waiting)
        for purpose, use in load.pools.items():
            for state, number in use._asdict().items():
                self._connections.labels(purpose, state).set(number)
        for gauge, counted in ((self._jobs, load.jobs), (self._shards, load.shards)):
            gauge.clear()
            for labels, number in counted.items():
                gauge.labels(*labels).set(number)

    def serve(self, host: str, port: int) -> int:
        """Answer Prometheus from a thread of its own; returns the port. Raises OSError, OverflowError."""
        server, _ = start_http_server(port, host, self._registry)
        return server.server_port
