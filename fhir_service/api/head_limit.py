"""Addresses and headers of a size that a request can need; a body has its own limit."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.fhir.errors import FhirError
from fhir_service.limits import Limits


class AddressTooLong(FhirError):
    """414 (RFC 9110 section 15.5.15)."""

    status, code = 414, "too-long"


class HeadersTooLong(FhirError):
    """431 (RFC 6585 section 5)."""

    status, code = 431, "too-long"


class HeadLimit:
    """Raises AddressTooLong or HeadersTooLong before anything reads them."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._address = limits.max_address_bytes
        self._headers = limits.max_header_bytes
        self._number = limits.max_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if len(scope["raw_path"] or b"") + len(scope["query_string"]) > self._address:
                text = f"the address is over {self._address:,} bytes long; POST Type/_search takes a long search"
                raise AddressTooLong(text)
            if len(scope["headers"]) > self._number:
                raise HeadersTooLong(f"there are more than {self._number:,} headers")
            if sum(len(name) + len(value) for name, value in scope["headers"]) > self._headers:
                raise HeadersTooLong(f"the headers are over {self._headers:,} bytes long")
        await self._app(scope, receive, send)
