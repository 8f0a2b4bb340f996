"""One line a request in the log: what was asked for, by whom, and how it ended; never what of a patient was in it.

No bodies, no tokens, no values of a query, and of an address only its kind (`GET Patient/{id}`): an id may be one that
a hospital gave to a patient. Which resource it was stands in the AuditEvent of the same request id.
"""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.origin import Origin, origin_of

ROUTE = "fhir_service.route"
"""In the scope: what the dispatcher made of the address, such as `read Patient/{id}`."""
_log = logging.getLogger("fhir_service.requests")
_BESIDE = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/readyz/writes"})
"""Addresses beside the FHIR base, which name nobody."""


class RequestLog:
    """Logs each request once its answer is out, or was broken off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_logged():
            await self._app(scope, receive, send)
            return
        begun = perf_counter()
        status = sent = 0

        async def counted_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted_send)
        finally:
            path = scope["path"]
            route = scope.get(ROUTE) or (path if path in _BESIDE else "unknown")
            seconds = perf_counter() - begun
            log_request(scope["method"], route, origin_of(scope), status=status, sent=sent, seconds=seconds)


def is_logged() -> bool:
    return _log.isEnabledFor(logging.INFO)


def log_request(method: str, route: str, origin: Origin, *, status: int, sent: int, seconds: float) -> None:
    """The line of one request; `sent` are the bytes of the body of its answer."""
    told: dict[str, object] = {
        "request": origin.request,
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "bytes": sent,
        "address": origin.address,
    }
    if origin.client:
        told["client"] = origin.client
    _log.info("request", extra={"fields": told})
