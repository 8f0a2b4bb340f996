"""The service as an ASGI application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from fhir_service import __version__
from fhir_service.api.allowed_hosts import AllowedHosts
from fhir_service.api.auth.endpoints import AuthEndpoints
from fhir_service.api.auth.identify import Identify
from fhir_service.api.body_limit import BodyLimit
from fhir_service.api.content_encodings import Compression
from fhir_service.api.dispatcher import FhirDispatcher
from fhir_service.api.error_responses import ErrorBoundary, http_exception
from fhir_service.api.head_limit import HeadLimit
from fhir_service.api.observing.observers import NOBODY, Observers
from fhir_service.api.openapi import openapi_of
from fhir_service.api.pages import documentation, health, home
from fhir_service.api.rate_limit import RateLimit, Rates
from fhir_service.api.request_heads import PlainHeads
from fhir_service.api.request_id import RequestId
from fhir_service.api.request_log import RequestLog
from fhir_service.api.routes import INTERACTIONS
from fhir_service.api.security_headers import SecurityHeaders
from fhir_service.api.service import Service
from fhir_service.api.short_way import ShortWay
from fhir_service.api.trusted_proxies import Proxies, TrustedProxies
from fhir_service.api.warm_up import load_the_rest
from fhir_service.settings import FHIR_PREFIX, Settings
from fhir_service.storage.repository import Key, Repository, open_repository
from fhir_service.workflows.job_runner import start_jobs
from fhir_service.workflows.publish_definitions import publish_definitions

CORS: dict[str, Any] = {
    "allow_methods": ("GET", "POST", "PUT", "PATCH", "DELETE"),
    "allow_headers": (
        *("Authorization", "Content-Type", "If-Match", "If-None-Exist", "If-None-Match", "If-Modified-Since"),
        *("Prefer", "X-Request-Id"),
    ),
    "expose_headers": (
        *("Content-Location", "ETag", "Last-Modified", "Location", "Preference-Applied", "Retry-After"),
        *("X-Progress", "X-Request-Id"),
    ),
    "max_age": 600,
}
"""What the scripts of a listed origin may send and read. No cookies: access is by token alone."""


class _Application(FastAPI):
    """With the FHIR API, which is no route of FastAPI's, in its document."""

    def __init__(self, *, resource_types: Sequence[str], **named: Any) -> None:
        super().__init__(**named)
        self._resource_types = resource_types

    def openapi(self) -> dict[str, Any]:
        return openapi_of(self, INTERACTIONS, self._resource_types, FHIR_PREFIX)


def create_app(
    settings: Settings,
    repository: Repository | None = None,
    fixed: frozenset[Key] = frozenset(),
    observers: Observers = NOBODY,
) -> FastAPI:
    """The application. Without a `repository` it opens that of the settings at its start, publishes the definitions of
    `mappings/` there, and closes it at its end; `fixed` are those that were published in the one it is given.
    `observers` watch what it does."""
    service = Service(settings, INTERACTIONS, repository, fixed)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if repository is not None:
            yield
            await service.end_jobs()
            await _close_accesses(service)
            return
        service.open_repository = await open_repository(
            settings.database_url,
            base=settings.own_address,
            seconds=settings.max_query_seconds,
            connections=settings.database_connections,
            replica=settings.replica,
        )
        try:
            service.fixed = await publish_definitions(service.repository, settings.base, settings.registry_contact)
            rest = asyncio.create_task(asyncio.to_thread(load_the_rest))
            if settings.run_jobs:
                await start_jobs(service.repository, service.runner)
            async with observers.watching(service.repository):
                yield
            await rest
        finally:
            await service.end_jobs()
            await _close_accesses(service)
            opened, service.open_repository = service.open_repository, None
            await opened.close()

    app = _Application(
        resource_types=settings.resource_types,
        title="fhir-service",
        version=__version__,
        summary="FHIR R4 REST API of case reports about complications after vertebral augmentation",
        lifespan=lifespan,
        # Addresses here name patients: nothing is told to a collector that some environment variable happens to name.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # FastAPI writes it anew for whoever asks, which takes 20 ms; ours is written once
        exception_handlers={HTTPException: http_exception},
    )
    app.state.service = service
    for pages in (home, documentation, health):
        app.include_router(pages.router)
    # The last one added is the first one met.
    app.add_middleware(FhirDispatcher, service=service, prefix=FHIR_PREFIX)
    app.add_middleware(AuthEndpoints, service=service, prefix=FHIR_PREFIX)
    rates = Rates(*settings.rates) if any(settings.rates) else None
    if rates is not None:
        app.add_middleware(RateLimit, rates=rates, prefix=FHIR_PREFIX)
    app.add_middleware(Identify, service=service, prefix=FHIR_PREFIX)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, seconds=settings.max_body_seconds)
    app.add_middleware(AllowedHosts, names=settings.allowed_hosts)
    proxies = Proxies(settings.trusted_proxies, settings.proxy_headers)
    app.add_middleware(TrustedProxies, proxies=proxies)
    app.add_middleware(HeadLimit, limits=settings)
    app.add_middleware(ErrorBoundary)
    app.add_middleware(Compression)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **CORS)
    app.add_middleware(SecurityHeaders, data_prefix=FHIR_PREFIX)
    app.add_middleware(RequestLog)
    observers.stand_around(app)
    app.add_middleware(RequestId)
    if observers.traces is None:
        app.state.short_way = ShortWay(service, PlainHeads(settings, proxies), rates, observers.meter)
    return app


def short_way_of(app: FastAPI) -> ShortWay | None:
    """What a server of the application may ask before it."""
    found: ShortWay | None = getattr(app.state, "short_way", None)
    return found


async def _close_accesses(service: Service) -> None:
    if service.refusals is not None:
        service.refusals.flush()
    if service.accesses is not None:
        await service.accesses.close()


def openapi_document() -> bytes:
    """The OpenAPI document of a service with default settings: what `openapi/fhir-service.json` holds."""
    return json.dumps(create_app(Settings.model_construct()).openapi(), indent=2, ensure_ascii=False).encode() + b"\n"
