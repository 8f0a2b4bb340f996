"""A connection that looks at a request as it comes, and hands those for the short way on without taking them apart.

Only a whole request, alone in what was received, at a moment when nothing else is under way on the connection.
Everything else is read and answered by uvicorn. Many clients send the body of a request behind its head, so a head that
announces a body of moderate size waits a moment for it.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from fhir_service.api.connections import LimitedConnection
from fhir_service.api.short_way import ShortWay
from fhir_service.api.visit import Peer
from fhir_service.limits import Limits

_END = b"\r\n\r\n"
_CLOSES = b"connection: close\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: (\d{1,5})\r\n", re.IGNORECASE)
_WITH_BODY = (b"POST ", b"PUT ", b"PATCH ")
_ASKS_FIRST = b"\r\nexpect:"
_MOMENT = 0.05
"""Seconds."""
_LARGE = 64 * 1024
"""A body from which on joining it to its head would cost more than sending it alone."""


class ShortConnection(LimitedConnection):
    """`short` is that of the process."""

    short: ShortWay

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._peer = Peer("", "http", self._reply, self.tasks)
        self._under_way = False
        """Whether a request on the short way waits for its answer."""
        self._held: list[bytes] = []
        """What came meanwhile."""
        self._begun = b""
        """A request whose body is not all there."""
        self._patience: asyncio.TimerHandle | None = None
        self._ends = False
        self._last = 0.0
        """When something was last asked for or answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._peer = self._peer._replace(address=self.client[0] if self.client else "", scheme=self.scheme or "http")

    def data_received(self, data: bytes) -> None:
        if self._under_way:
            if not self._held:
                self.transport.pause_reading()
            self._held.append(data)
            return
        data, self._begun = self._begun + data, b""
        if self._goes_short(data):
            self._end_patience()
        elif self._is_worth_waiting_for(data):
            self._begun = data
            if self._patience is None:
                self._patience = self.loop.call_later(_MOMENT, self._hand_on)
        else:
            self._end_patience()
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        quiet = self.loop.time() - self._last
        if self._begun:
            self._keep_for(self.timeout_keep_alive)
        elif self._under_way or quiet < self.timeout_keep_alive:
            self._keep_for(self.timeout_keep_alive if self._under_way else self.timeout_keep_alive - quiet)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        if self._begun:
            self._hand_on()
        if self._under_way:
            self._ends = True
        else:
            super().shutdown()

    def _goes_short(self, data: bytes) -> bool:
        if not self.is_between_requests or self.flow.write_paused:
            return False
        line, head = data.find(b"\r\n"), data.find(_END) + len(_END)
        self._under_way = True  # an answer may come before the call does
        if self.short.take(data[:line], data[line:head], data[head:], self._peer):
            self.nothing_is_awaited()
            return True
        self._under_way = False
        return False

    def _is_worth_waiting_for(self, data: bytes) -> bool:
        """Whether this is a request without all of its body, which the client is about to send."""
        end = data.find(_END)
        if end < 0 or not data.startswith(_WITH_BODY) or not self.is_between_requests:
            return False
        announced = _LENGTH.search(data, 0, end + 2)
        if announced is None or len(data) >= end + len(_END) + int(announced[1]) or _ASKS_FIRST in data[:end].lower():
            return False
        self.nothing_is_awaited()
        return True

    def _hand_on(self) -> None:
        """Let uvicorn wait: its application says how long."""
        self._end_patience()
        data, self._begun = self._begun, b""
        super().data_received(data)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _reply(self, status: int, lines: bytes, body: bytes) -> None:
        self._under_way = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        own = b"".join([b"%b: %b\r\n" % header for header in self.server_state.default_headers])
        close = b""
        if _CLOSES in lines:
            self._ends = True
        elif self._ends:
            close = _CLOSES
        head = (STATUS_LINE[status], own, lines, close, b"\r\n")
        if len(body) < _LARGE:
            self.transport.write(b"".join((*head, body)))
        else:
            self.transport.write(b"".join(head))
            self.transport.write(body)
        if self._ends:
            self._leave()
            return
        self._last = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_for(self.timeout_keep_alive)
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self.transport.resume_reading()
            self.data_received(data)


def connection_of(limits: Limits, short: ShortWay | None) -> type[LimitedConnection]:
    """The kind of connection that keeps these limits, and knows the short way where there is one."""
    if short is None:
        return type("LimitedConnection", (LimitedConnection,), {"limits": limits})
    return type("ShortConnection", (ShortConnection,), {"limits": limits, "short": short})
