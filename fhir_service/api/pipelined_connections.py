"""Requests that are sent before the answers to those before them (RFC 9112 section 9.3.2).

uvicorn makes each of them ready as it comes, and reads on after every answer. It needs some KB for a request of twenty
bytes, so a client that sends fast enough would fill the memory. Here the rest waits as it came while others are queued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl

from fhir_service.api.upgrades import NoUpgrade

_PIECE = 8 * 1024
"""Bytes that are read as requests before it is seen whether others wait."""


class PipelinedConnection(NoUpgrade):
    """A connection on which few requests wait."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._rest = b""
        """What has come and was not looked at."""
        self._refused = False
        """Whether what still comes is thrown away."""
        self._answered: Any = None
        """The request that is answered, which of several is not the last that came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        super().connection_made(stream)
        self.flow = _Flow(stream, self._goes_on)

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest = b""
        if self._answered is not None:
            self._answered.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            self._rest += data
            return
        for place in range(0, len(data), _PIECE):
            if self._refused:
                return
            if self.pipeline and place:
                self._rest = data[place:]
                return
            super().data_received(data[place : place + _PIECE])

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _goes_on(self) -> bool:
        """Whether more is to be read."""
        if self._rest and not self.pipeline:
            self.loop.call_soon(self._look_at_rest)
        return not self._rest and not self.pipeline

    def _look_at_rest(self) -> None:
        data, self._rest = self._rest, b""
        if data and not self.transport.is_closing():
            self.data_received(data)
            self.flow.resume_reading()


class _Flow(FlowControl):
    """Resumes reading where that is said to be right."""

    def __init__(self, transport: asyncio.Transport, goes_on: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._goes_on = goes_on

    def resume_reading(self) -> None:
        if self.read_paused and self._goes_on():
            super().resume_reading()
