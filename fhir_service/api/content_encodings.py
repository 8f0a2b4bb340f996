"""gzip and Brotli, both ways (RFC 9110 section 8.4): answers as Accept-Encoding likes them, bodies as they come.

Whole answers of MINIMUM_BYTES or more are compressed, large ones in a thread. A body is decompressed up to the limit of
a body and no further, whatever it would grow to. docs/decisions/compression.md says why this is our own.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from functools import lru_cache

import brotli
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.content_negotiation import media_type, quality
from fhir_service.fhir.errors import MalformedContent, TooLarge, UnsupportedMediaType
from fhir_service.workflows.accept_resource import in_thread_if_large

MINIMUM_BYTES = 1024
"""Below this an answer fits into a packet as it is."""

_GZIP = 16 + zlib.MAX_WBITS
_GZIP_LEVEL, _BROTLI_QUALITY = 5, 4
_SLICE = 4096
_NO_GAIN = ("image/", "font/", "audio/", "video/", "application/zip")


class UnknownCoding(UnsupportedMediaType):
    """A body in a coding that is not read here (415)."""


def _gzipped(body: bytes) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()


_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: bytes(brotli.compress(body, quality=_BROTLI_QUALITY)),
    "gzip": _gzipped,
}
"""By coding; of two that a client likes alike, the first."""
CODINGS = ", ".join(reversed(_COMPRESS))


class Compression:
    """Compresses whole answers for clients that take one of the codings."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        coding = _coding_for(scope) if scope["type"] == "http" else ""
        if not coding:
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def compressing_send(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    message = await compressed(start, message, coding)
                begun, start = start, None
                await send(begun)
            await send(message)

        await self._app(scope, receive, compressing_send)


def _coding_for(scope: Scope) -> str:
    accepted = [value for name, value in scope["headers"] if name == b"accept-encoding"]
    return chosen_coding(b",".join(accepted).decode("latin-1")) if accepted else ""


async def compressed(start: Message, message: Message, coding: str) -> Message:
    """The one body message of an answer, compressed where that is worth it; `start` gets the headers for it."""
    if 0 < len(message.get("body", b"")) < MINIMUM_BYTES:
        return message
    headers = {bytes(name).lower(): bytes(value) for name, value in start["headers"]}
    body: bytes = message.get("body", b"")
    is_head = not body and int(headers.get(b"content-length", b"0")) >= MINIMUM_BYTES
    if b"content-encoding" in headers or headers.get(b"content-type", b"").decode("latin-1").startswith(_NO_GAIN):
        return message
    if not body and not is_head:
        return message
    packed = await in_thread_if_large(len(body), lambda: _COMPRESS[coding](body)) if body else b""
    changed = [(b"content-encoding", coding.encode())]
    if body:  # how long the answer to HEAD would be is not found out
        changed.append((b"content-length", b"%d" % len(packed)))
    if b"vary" not in headers:
        changed.append((b"vary", b"Accept-Encoding"))
    kept = [(name, value) for name, value in start["headers"] if bytes(name).lower() != b"content-length"]
    start["headers"] = kept + changed
    return {**message, "body": packed}


@lru_cache(256)
def chosen_coding(accept_encoding: str) -> str:
    """The coding that a client likes best, and more than none at all; empty for none (RFC 9110 section 12.5.3)."""
    ranges = [media_type(part) for part in accept_encoding.split(",")]
    weights = {range_.name.removeprefix("x-"): quality(range_.parameters) for range_ in ranges}
    rest = weights.get("*", 0)
    best = max(_COMPRESS, key=lambda coding: weights.get(coding, rest))
    weight = weights.get(best, rest)
    return best if weight > 0 and weight >= weights.get("identity", 0) else ""


async def decoded(body: bytes, content_encoding: str, limit: int) -> bytes:
    """A request body as it was before it was compressed.

    Raises UnknownCoding, MalformedContent where it is not of that coding,
    TooLarge beyond `limit` bytes.
    """
    coding = content_encoding.strip().lower().removeprefix("x-")
    if coding in ("", "identity") or not body:
        return body
    decompress = {"gzip": _gunzipped, "br": _unbrotlied}.get(coding)
    if decompress is None:
        text = f"Content-Encoding is '{content_encoding[:80]}'; send one of {CODINGS}, or none"
        raise UnknownCoding(text, expression=("http.Content-Encoding",))
    whole = await asyncio.to_thread(decompress, body, limit + 1)
    if whole is None:
        raise MalformedContent(f"the body is not whole {coding}, as Content-Encoding says")
    if len(whole) > limit:
        raise TooLarge(f"the body, decompressed, is larger than {limit:,} bytes, the most this server takes")
    return whole


def _gunzipped(body: bytes, most: int) -> bytes | None:
    """At least the first `most` bytes if there are so many, None where it is not whole. Members follow one another.

    In slices: what is behind a member is copied by zlib, and with the whole rest that would be its square.
    """
    parts: list[bytes] = []
    size = place = 0
    rest = memoryview(body)
    member = zlib.decompressobj(_GZIP)
    while place < len(body) and size < most:
        if member.eof:
            member = zlib.decompressobj(_GZIP)
        piece = rest[place : place + _SLICE]
        try:
            part = member.decompress(piece, most - size)
        except zlib.error:
            return None
        parts.append(part)
        size += len(part)
        place += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
    return b"".join(parts) if member.eof or size >= most else None


def _unbrotlied(body: bytes, most: int) -> bytes | None:
    """The same for Brotli."""
    stream = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        parts.append(stream.process(body, output_buffer_limit=most))
        size = len(parts[0])
        while size < most and not stream.can_accept_more_data():
            parts.append(stream.process(b"", output_buffer_limit=most - size))
            size += len(parts[-1])
    except brotli.error:
        return None
    return b"".join(parts) if size >= most or stream.is_finished() else None
