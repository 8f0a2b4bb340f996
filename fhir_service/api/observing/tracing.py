"""Spans for OpenTelemetry: a request, and the commits that make writes durable. No span names a patient.

Wants the packages of the extra `traces`; what a caller says of its own trace (W3C traceparent) is gone on with.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING

from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.request_id import request_id
from fhir_service.api.request_log import ROUTE

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_FAULTS_OF_OURS = 500


class NoTraces(Exception):
    """Traces are asked for, and what sends them is not installed."""


def traces_to(url: str) -> TracerProvider:
    """Sends spans to an OTLP collector over HTTP, such as http://localhost:4318/v1/traces, from a thread of its own;
    whoever ends the service shuts it down. Raises NoTraces."""
    try:
        sending = import_module("fhir_service.api.observing.span_sender")
    except ImportError as error:
        raise NoTraces(
            "FHIR_SERVICE_TRACES_URL wants the extra `traces`: pip install 'fhir-service[traces]'"
        ) from error
    provider: TracerProvider = sending.sender(url)
    return provider


class CommitSpans:
    """Told of groups of commits; each is a span of its own, since it serves many requests."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def __call__(self, changes: int, seconds: float) -> None:
        now = time.time_ns()
        attributes = {"fhir_service.changes": changes}
        span = self._tracer.start_span("commit", start_time=now - round(seconds * 1e9), attributes=attributes)
        span.end(now)


class RequestSpans:
    """A span for each request, named after what was asked for."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status = 0

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"]
        with self._tracer.start_as_current_span(
            method, extract(carrier), SpanKind.SERVER, {"http.request.method": method}, record_exception=False
        ) as span:
            try:
                await self._app(scope, receive, watched_send)
            finally:
                if route := scope.get(ROUTE):
                    span.update_name(route)
                    span.set_attribute("http.route", route.partition(" ")[2])
                    span.set_attribute("fhir.interaction", route.partition(" ")[0])
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("fhir_service.request", request_id(scope))
                if status >= _FAULTS_OF_OURS or not status:
                    span.set_status(Status(StatusCode.ERROR))
