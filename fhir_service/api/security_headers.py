"""Headers that tell a browser to do less with an answer than it would, and nobody to keep it.

What is answered below the FHIR base is data and never a page; the pages have scripts and styles of their own only.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.answer import Headers

_EVERYWHERE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_OF_DATA = (
    *_EVERYWHERE,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"cache-control", b"no-store"),
)
_OF_PAGES = (
    *_EVERYWHERE,
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
)
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_OF_DATA_OVER_TLS = (*_OF_DATA, _TLS_ONLY)


def headers_of_data(scheme: str) -> Headers:
    """All that an answer below the FHIR base gets."""
    return _OF_DATA_OVER_TLS if scheme == "https" else _OF_DATA


class SecurityHeaders:
    """Adds the headers that an answer does not have yet; over TLS also that it be TLS from now on."""

    def __init__(self, app: ASGIApp, data_prefix: str) -> None:
        self._app = app
        self._prefix = data_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = _OF_DATA if scope["path"].startswith(self._prefix) else _OF_PAGES

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {bytes(name).lower() for name, _ in message["headers"]}
                added = [header for header in wanted if header[0] not in there]
                if scope["scheme"] == "https":
                    added.append(_TLS_ONLY)
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, guarded_send)
