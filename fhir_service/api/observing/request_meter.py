"""The time of each request, by what was asked for."""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.observing.meter import Meter
from fhir_service.api.request_log import ROUTE

_BROKEN_OFF = 499
"""Where the client went away before there was an answer: what nginx calls it."""


class RequestMeter:
    """Measures each request once its answer is out, or was broken off."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = perf_counter(), _BROKEN_OFF

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            self._meter.request(*labels(scope.get(ROUTE, "")), status, perf_counter() - begun)


@lru_cache(maxsize=4096)
def labels(route: str) -> tuple[str, str]:
    """Interaction and type of a route such as `read Patient/{id}`."""
    interaction, _, path = route.partition(" ")
    head = path.partition("/")[0]
    return interaction or "other", head if head[:1].isupper() else ""
