"""Addresses and headers of a size that a request can need; a body has its own limit."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.fhir.errors import FhirError

LIMIT = 32 * 1024
"""In bytes, for the address and for all headers together. uvicorn itself knows no addresses over 64 KiB: a bare 400."""


class AddressTooLong(FhirError):
    """414 (RFC 9110 section 15.5.15)."""

    status, code = 414, "too-long"


class HeadersTooLong(FhirError):
    """431 (RFC 6585 section 5)."""

    status, code = 431, "too-long"


class HeadLimit:
    """Raises AddressTooLong or HeadersTooLong before anything reads them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if len(scope["raw_path"] or b"") + len(scope["query_string"]) > LIMIT:
                raise AddressTooLong(f"the address is over {LIMIT:,} bytes long; POST Type/_search takes a long search")
            if sum(len(name) + len(value) for name, value in scope["headers"]) > LIMIT:
                raise HeadersTooLong(f"the headers are over {LIMIT:,} bytes long")
        await self._app(scope, receive, send)
