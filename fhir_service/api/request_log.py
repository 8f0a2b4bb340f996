"""One line a request in the log: what was asked for, by whom, and how it ended; never what of a patient was in it.

No bodies, no tokens, no values of a query, and of an address only its kind (`GET Patient/{id}`): an id may be one that
a hospital gave to a patient. Which resource it was stands in the AuditEvent of the same request id.
"""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.origin import CLIENT, address_of
from fhir_service.api.request_id import request_id

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
        if scope["type"] != "http" or not _log.isEnabledFor(logging.INFO):
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
            _log.info("request", extra={"fields": _told(scope, status, sent, perf_counter() - begun)})


def _told(scope: Scope, status: int, sent: int, seconds: float) -> dict[str, object]:
    path = scope["path"]
    told: dict[str, object] = {
        "request": request_id(scope),
        "method": scope["method"],
        "route": scope.get(ROUTE) or (path if path in _BESIDE else "unknown"),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "bytes": sent,
        "address": address_of(scope),
    }
    if scope.get(CLIENT):
        told["client"] = scope[CLIENT]
    return told
