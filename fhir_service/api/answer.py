"""What a handler gives back: bytes that are ready, a status and headers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from fhir_service.api.content_negotiation import FHIR_JSON

Headers = tuple[tuple[bytes, bytes], ...]

VARY = (b"vary", b"Accept, Accept-Encoding, Prefer")
"""Request headers that change what the same address answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Sent to HEAD without its body, and without Content-Type where there is nothing to describe."""

    status: int = 200
    body: bytes = b""
    headers: Headers = ()
    media_type: str = FHIR_JSON

    @property
    def every_header(self) -> list[tuple[bytes, bytes]]:
        """Its own, and those that tell of its body."""
        headers = [*self.headers, VARY]
        if self.body:
            headers.append((b"content-type", self.media_type.encode()))
        if self.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(self.body)))
        return headers

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.every_header})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer that is sent piece by piece, as its pieces come. What is raised before the first one is answered as any
    other error."""

    pieces: AsyncGenerator[bytes]
    media_type: str
    headers: Headers = ()
    status: int = 200

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [*self.headers, VARY, (b"content-type", self.media_type.encode())]
        async with aclosing(self.pieces) as pieces:
            piece = b"" if scope["method"] == "HEAD" else await anext(pieces, b"")
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            while piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await anext(pieces, b"")
            await send({"type": "http.response.body", "body": b""})
