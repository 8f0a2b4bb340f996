"""A connection that looks at a request as it comes, and hands those for the short way on without taking them apart.

Only a whole request without a body, alone in what was received, at a moment when nothing else is under way on the
connection. Everything else is read and answered by uvicorn.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from fhir_service.api.connections import LimitedConnection
from fhir_service.api.short_way import ShortWay
from fhir_service.api.visit import Peer
from fhir_service.limits import Limits

_LARGE = 64 * 1024
"""A body from which on joining it to its head would cost more than sending it alone."""


class ShortConnection(LimitedConnection):
    """`short` is that of the process."""

    short: ShortWay

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._peer = Peer("", "http", self._reply)
        self._under_way = False
        """Whether a request on the short way waits for its answer."""
        self._held: list[bytes] = []
        """What came meanwhile."""
        self._ends = False
        self._last = 0.0
        """When something was last asked for or answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._peer = Peer(self.client[0] if self.client else "", self.scheme or "http", self._reply)

    def data_received(self, data: bytes) -> None:
        if self._under_way:
            if not self._held:
                self.transport.pause_reading()
            self._held.append(data)
        elif not self._goes_short(data):
            super().data_received(data)

    def timeout_keep_alive_handler(self) -> None:
        quiet = self.loop.time() - self._last
        if self._under_way or quiet < self.timeout_keep_alive:
            self._keep_for(self.timeout_keep_alive if self._under_way else self.timeout_keep_alive - quiet)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        if self._under_way:
            self._ends = True
        else:
            super().shutdown()

    def _goes_short(self, data: bytes) -> bool:
        if not self.is_between_requests or self.flow.write_paused:
            return False
        end = data.find(b"\r\n")
        self._under_way = True  # an answer may come before the call does
        if self.short.take(data[:end], data[end:], self._peer):
            self.no_head_is_awaited()
            return True
        self._under_way = False
        return False

    def _reply(self, status: int, lines: bytes, body: bytes) -> None:
        self._under_way = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        own = b"".join([b"%b: %b\r\n" % header for header in self.server_state.default_headers])
        close = b"connection: close\r\n" if self._ends else b""
        head = (STATUS_LINE[status], own, lines, close, b"\r\n")
        if len(body) < _LARGE:
            self.transport.write(b"".join((*head, body)))
        else:
            self.transport.write(b"".join(head))
            self.transport.write(body)
        if self._ends:
            self.transport.close()
            return
        self._last = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_for(self.timeout_keep_alive)
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self.transport.resume_reading()
            self.data_received(data)

    def _keep_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


def connection_of(limits: Limits, short: ShortWay | None) -> type[LimitedConnection]:
    """The kind of connection that keeps these limits, and knows the short way where there is one."""
    if short is None:
        return type("LimitedConnection", (LimitedConnection,), {"limits": limits})
    return type("ShortConnection", (ShortConnection,), {"limits": limits, "short": short})
