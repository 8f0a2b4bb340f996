"""Every request has an id: the client's X-Request-Id where it is a decent one, else a new one.

It is told back, and logged with a crash.
"""

from __future__ import annotations

import re
from random import getrandbits

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DECENT = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_KEY = "fhir_service.request_id"


def request_id(scope: Scope) -> str:
    """The id of a request that came through RequestId."""
    return str(scope.get(_KEY, "unknown"))


def decent_id(sent: bytes) -> bytes:
    """What a client sent as the id of its request; empty where that is none."""
    return sent if _DECENT.fullmatch(sent) else b""


def new_id() -> bytes:
    """Another in every process. Not one of the system's random numbers: to ask for them lets other threads go first."""
    return b"%032x" % getrandbits(128)


class RequestId:
    """Gives each request its id and puts it on the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        number = decent_id(sent) or new_id()
        scope[_KEY] = number.decode()

        async def numbered_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", number)]
            await send(message)

        await self._app(scope, receive, numbered_send)
