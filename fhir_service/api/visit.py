"""One request on the short way: who asks, and how it is answered, logged and measured."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from time import perf_counter
from typing import NamedTuple, Protocol

from fhir_service.api.answer import Answer, Headers
from fhir_service.api.content_encodings import compressed
from fhir_service.api.error_responses import crash_answer
from fhir_service.api.observing.meter import Meter
from fhir_service.api.observing.request_meter import labels
from fhir_service.api.origin import Origin
from fhir_service.api.request_log import is_logged, log_request
from fhir_service.api.security_headers import headers_of_data

_UNDER_WAY: set[asyncio.Task[None]] = set()


class Reply(Protocol):
    """Sends an answer: its status, its header lines each with its end, and its body."""

    def __call__(self, status: int, lines: bytes, body: bytes) -> None: ...


class Peer(NamedTuple):
    """The other end of a connection: its address, `http` or `https`, the way back, and the tasks whose end the server
    waits for when it stops, whether the client does or not."""

    address: str
    scheme: str
    reply: Reply
    tasks: set[asyncio.Task[None]]


class Visit:
    """`number` is the id of the request, `coding` how the client likes bodies to be compressed."""

    __slots__ = ("_begun", "_meter", "_number", "_peer", "coding", "method", "origin")

    def __init__(
        self, peer: Peer, client: str, number: bytes, coding: str, meter: Meter | None, *, method: str = "GET"
    ) -> None:
        self.method = method
        self.origin = Origin(client, peer.address, number.decode())
        self.coding = coding
        self._number = number
        self._peer = peer
        self._meter = meter
        self._begun = perf_counter()

    async def answer(self, answer: Answer, route: str) -> None:
        """Send an answer as the layers of the long way would."""
        headers, body = answer.every_header, answer.body
        if self.coding:
            start = {"headers": headers}
            try:
                message = await compressed(start, {"type": "http.response.body", "body": body}, self.coding)
            except Exception:  # such as that there are no more threads; the client waits for some answer
                answer = crash_answer(self.origin.request, self.method)
                headers, body = answer.every_header, answer.body
            else:
                headers, body = start["headers"], message["body"]
        self.send(answer.status, written(headers), body, route)

    def later(self, answer: Answer, route: str) -> None:
        """The same, for who cannot wait for it."""
        task = asyncio.create_task(self.answer(answer, route))
        _UNDER_WAY.add(task)
        task.add_done_callback(_UNDER_WAY.discard)

    def send(self, status: int, lines: bytes, body: bytes, route: str) -> None:
        """Send an answer with what every answer has, and tell of it."""
        always = _everywhere(self._peer.scheme)
        self._peer.reply(status, b"%bx-request-id: %b\r\n%b" % (lines, self._number, always), body)
        if is_logged():
            seconds = perf_counter() - self._begun
            log_request(self.method, route, self.origin, status=status, sent=len(body), seconds=seconds)
        if self._meter is not None:
            self._meter.request(*labels(route), status, perf_counter() - self._begun)


def written(headers: Headers | list[tuple[bytes, bytes]]) -> bytes:
    """Headers as lines."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


@lru_cache(2)
def _everywhere(scheme: str) -> bytes:
    return written(headers_of_data(scheme))
