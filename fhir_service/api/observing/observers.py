"""Who watches a running service: by the settings, nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI

from fhir_service.api.observing.meter import Meter
from fhir_service.api.observing.request_meter import RequestMeter
from fhir_service.api.observing.tracing import CommitSpans, RequestSpans, traces_to
from fhir_service.settings import Settings
from fhir_service.storage.repository import Repository

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_NAME = "fhir_service"


@dataclass(frozen=True)
class Observers:
    """A meter and a sender of traces, where they are wanted."""

    meter: Meter | None = None
    traces: TracerProvider | None = None

    def stand_around(self, app: FastAPI) -> None:
        """See every request of `app`; what is added to it later is outside."""
        if self.meter is not None:
            app.add_middleware(RequestMeter, meter=self.meter)
        if self.traces is not None:
            app.add_middleware(RequestSpans, tracer=self.traces.get_tracer(_NAME))

    @asynccontextmanager
    async def watching(self, repository: Repository) -> AsyncIterator[None]:
        """See what the store does meanwhile; send at the end what was not sent yet."""
        looks = None
        if self.meter is not None:
            repository.health.on_group(self.meter.group)
            looks = asyncio.create_task(self.meter.follow(repository), name="fhir-service meter")
        if self.traces is not None:
            repository.health.on_group(CommitSpans(self.traces.get_tracer(_NAME)))
        try:
            yield
        finally:
            if looks is not None:
                looks.cancel()
            if self.traces is not None:
                await asyncio.to_thread(self.traces.shutdown)


NOBODY = Observers()


def observers_of(settings: Settings) -> Observers:
    """Those that the settings want. Raises NoTraces, and ValueError where the address for the meter is taken."""
    meter = _served_meter(settings.metrics_address) if settings.metrics_address else None
    return Observers(meter, traces_to(settings.traces_url) if settings.traces_url else None)


def _served_meter(address: str) -> Meter:
    host, _, port = address.rpartition(":")
    meter = Meter()
    try:
        meter.serve(host.strip("[]"), int(port))
    except (OSError, OverflowError) as error:
        raise ValueError(f"FHIR_SERVICE_METRICS_ADDRESS: cannot listen on {address} ({error})") from error
    return meter
