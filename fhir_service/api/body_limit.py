"""No body larger than the limit, whether its length is announced or found out while it comes; and none that trickles.

Most clients read the answer only after they have sent all. If the connection were closed under them they would see a
broken connection and no reason, so for a while what they still send is taken and thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.error_responses import error_answer, in_wanted_format
from fhir_service.fhir.errors import FhirError, TooLarge

DISCARDED_BYTES = 64 * 1024 * 1024
DISCARDED_SECONDS = 5.0
"""How much, and how long, is thrown away before the connection is closed all the same."""


class TooSlow(FhirError):
    """408 (RFC 9110 section 15.5.9)."""

    status, code = 408, "timeout"


class BodyLimit:
    """Refuses at once an announced length over `limit` bytes, else as soon as more has come; and what is not there
    whole after some `seconds`."""

    def __init__(self, app: ASGIApp, limit: int, seconds: float) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _CountedBody(receive, self._limit, self._seconds)
        try:
            if _announced(scope) > self._limit:
                raise body.too_large()
            await self._app(scope, body.receive, send)
        except TooLarge as error:
            await _refuse(error, body, scope, send)


class _CountedBody:
    """A body on its way in; raises TooLarge once it is over the limit, TooSlow once its time is over."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._received = 0
        self._ended = False

    async def receive(self) -> Message:
        if self._ended:  # what comes now is that the client hangs up
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._next()
        except TimeoutError:
            raise TooSlow(f"the body was not there within {self._seconds:g} s") from None
        if self._received > self._limit:
            raise self.too_large()
        return message

    def too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self._limit:,} bytes, the most this server takes")

    async def discard(self) -> None:
        """Take the rest, as far as it is worth it."""
        most = self._received + DISCARDED_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCARDED_SECONDS):
                while not self._ended and self._received < most:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message


def _announced(scope: Scope) -> int:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(length[:19]) if length.isdigit() else 0


async def _refuse(error: TooLarge, body: _CountedBody, scope: Scope, send: Send) -> None:
    """Answer first, then discard: a client that waits for leave to send (Expect: 100-continue) gets none."""

    async def send_unfinished(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await in_wanted_format(error_answer(error), scope)(scope, body.receive, send_unfinished)
    if not any(name == b"expect" for name, _ in scope["headers"]):
        await body.discard()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
