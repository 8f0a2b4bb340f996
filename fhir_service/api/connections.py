"""What a connection may take of this server before there is a request, and after its answer has begun.

uvicorn itself waits for ever for the head of a request, however long it grows, for the rest of a body that nobody reads
any more, and for a client that reads nothing of its answer. It takes what stands behind a chunked body for headers.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from fhir_service.api.pipelined_connections import PipelinedConnection
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.limits import Limits

_log = logging.getLogger("fhir_service.connections")
_REFUSAL = b"HTTP/1.1 %d %b\r\ncontent-type: application/fhir+json\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n"
_LINGER_SECONDS = 0.5
_RETRY_AFTER = {HTTPStatus.SERVICE_UNAVAILABLE: b"retry-after: 2\r\n"}


class LimitedConnection(PipelinedConnection):
    """One connection to a client; `limits` are those of the process (`short_connections.py`)."""

    limits: Limits

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = True
        self._head_bytes = 0
        """Of a head that is not complete, or behind the last piece of a body."""
        self._address_bytes = 0
        self._waiting: asyncio.TimerHandle | None = None
        """For the rest of a head, for that of a body whose request was answered, or for a client to read why it is
        refused."""
        self._stalled: asyncio.TimerHandle | None = None
        self._unread = 0
        """Bytes that the client had to read when that began."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            text = f"this server has {self.limits.max_connections:,} connections already; try again later"
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "transient", text)
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._waiting, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            self._head_bytes += len(data)
            super().data_received(data)
            self._look_at_size()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._address_bytes += len(url)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes, self._address_bytes = self._head_bytes or 1, 0

    def on_headers_complete(self) -> None:
        if self.wants_upgrade:
            return
        super().on_headers_complete()
        self._in_head, self._head_bytes = False, 0
        self.headers = []  # what comes behind a body is no header, and may say nothing of the request
        self.nothing_is_awaited()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._head_bytes = 0

    def on_message_complete(self) -> None:
        if self.wants_upgrade:
            return
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0
        self.nothing_is_awaited()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._expect_reading()
        elif not self._in_head and self.cycle.response_complete:
            self._waiting = self.loop.call_later(self.limits.max_body_seconds, self._leave)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._expect_reading()

    def send_400_response(self, _msg: str) -> None:
        """What uvicorn says where it cannot read a request: said as everything else is."""
        if self._address_bytes > self.limits.max_address_bytes:
            self._refuse_size()
        elif not self._refused:
            self._refuse(HTTPStatus.BAD_REQUEST, "structure", "this is no HTTP request that can be read")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None and not self.transport.is_closing():
            self._stalled.cancel()
            self._stalled = None

    @property
    def is_between_requests(self) -> bool:
        """Whether nothing of a request is there, and every answer has gone out."""
        answering: Any = self.cycle
        return (
            self._in_head
            and not self._head_bytes
            and not self._refused
            and not self._rest
            and not self.pipeline
            and (answering is None or answering.response_complete)
        )

    def nothing_is_awaited(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _look_at_size(self) -> None:
        if self._refused:
            return
        if self._head_bytes > self.limits.max_address_bytes + self.limits.max_header_bytes:
            self._refuse_size()
        elif self._in_head and self._head_bytes and self._waiting is None:
            self._wait_for_head()
        elif self.timeout_keep_alive_task is None and self.is_between_requests:
            self._keep_for(self.timeout_keep_alive)  # uvicorn forgets it where the answer came before the whole body

    def _keep_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _wait_for_head(self) -> None:
        self._waiting = self.loop.call_later(self.limits.max_head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._waiting = None
        if self.flow.read_paused:
            self._wait_for_head()  # it may be there
        elif not self._head_bytes:
            self.transport.close()  # nothing was asked
        else:
            text = f"the head of the request was not there within {self.limits.max_head_seconds:g} s"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "timeout", text)

    def _refuse_size(self) -> None:
        if self._address_bytes > self.limits.max_address_bytes:
            text = f"the address is over {self.limits.max_address_bytes:,} bytes long"
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "too-long", text)
        else:
            text = f"the headers are over {self.limits.max_header_bytes:,} bytes long"
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too-long", text)

    def _expect_reading(self) -> None:
        """See to it that the client reads on. A connection that closes waits for that, however long."""
        if self._stalled is None and (unread := self.transport.get_write_buffer_size()):
            self._unread = unread
            self._stalled = self.loop.call_later(self.limits.max_stall_seconds, self._was_it_read)

    def _was_it_read(self) -> None:
        self._stalled = None
        if self.transport.get_write_buffer_size() < self._unread:
            self._expect_reading()
            return
        _log.warning("a client has read nothing for %g s and is cut off", self.limits.max_stall_seconds)
        self.transport.abort()

    def _refuse(self, status: HTTPStatus, code: str, text: str) -> None:
        """Say why, and close: there is no request, so no application to say it. What still comes is thrown away for a
        moment; closed under it, the client would see a broken connection and no reason."""
        self._refused = True
        self.connections.discard(self)
        _log.warning("a connection was refused: %d, %s", status, text)
        answering: Any = self.cycle
        if not self._in_head or (answering is not None and not answering.response_complete):
            self._leave()  # nothing may come in between
            return
        body = outcome_bytes([Issue("error", code, text)])
        values = (status, status.phrase.encode(), len(body), _RETRY_AFTER.get(status, b""))
        self.transport.write(_REFUSAL % values + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(_LINGER_SECONDS, self._leave)

    def _leave(self) -> None:
        self.transport.close()
        self._expect_reading()
