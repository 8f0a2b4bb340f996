"""Only requests that address this service by one of its own names (setting allowed_hosts).

Listening on loopback keeps other machines out, but not the browser on this one: a web page can point its own name at
127.0.0.1 (DNS rebinding) and would then read everything. Such a request carries the page's name as its Host.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.fhir.errors import FhirError


class UnknownHost(FhirError):
    """The Host header names another service (421, RFC 9110 section 15.5.20)."""

    status, code = 421, "security"


class AllowedHosts:
    """Raises UnknownHost for a request whose Host is missing, written twice, or none of `names`."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or host_name(hosts[0]) not in self._names:
                raise UnknownHost("the Host header names no host of this service (setting allowed_hosts)")
        await self._app(scope, receive, send)


@lru_cache(64)
def host_name(host: bytes) -> str:
    """The name of a Host header without port and brackets, in lower case; empty for anything malformed."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        port = port.removeprefix(":") if port.startswith(":") or not port else "?"
        name = name if bracket else ""
    else:
        name, _, port = text.partition(":")
    return name if not port or port.isdigit() else ""
