"""Several processes that serve one address, each with an event loop and connections of its own.

The process that was started by hand serves nobody: it begins the others, begins another where one dies, and tells them
to stop. Each listens at a socket of its own for the same port, so that the system spreads connections over them. They
are forked: what was read before is in memory once, and one that takes the place of another is there at once.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

import typer

SHORTEST_LIFE = 1.0
"""Seconds; a process that dies sooner is not followed by another for as long."""
_MARGIN = 10.0
"""Seconds beyond those that requests may take to end, for what is done behind them."""
_log = logging.getLogger("fhir_service.processes")
Serve = Callable[[socket.socket, int], None]
"""Serves at a socket until it is told to stop, as the process of that number, from 0."""
_CANNOT = 2
"""The exit code of a process that cannot serve, and whose successors could not either."""


class _Begun(NamedTuple):
    number: int
    moment: float


class SeveralProcesses:
    """`count` processes that run `serve` until a signal asks this one to stop. Wants the main thread, and no other."""

    def __init__(self, count: int, serve: Serve, bound: socket.socket, drain_seconds: float) -> None:
        self._count = count
        self._serve = serve
        self._bound = bound
        self._drain_seconds = drain_seconds
        self._begun: dict[int, _Begun] = {}
        """By process id."""
        self._stopping = False
        self._alive, self._kept_open = os.pipe()

    def run(self) -> None:
        """Comes back when all of them have ended. Raises typer.Exit where one of them cannot serve."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._stop)
        for number in range(self._count):
            self._begin(number)
        unable = False
        while self._begun:
            process, status = os.wait()
            begun = self._begun.pop(process, None)
            if begun is None or self._stopping:
                continue
            if _code(status) == _CANNOT:
                unable = True
                self._stop()
                continue
            _log.error("process %d ended with code %d; another one takes its place", process, _code(status))
            if time.monotonic() - begun.moment < SHORTEST_LIFE:
                time.sleep(SHORTEST_LIFE)
            if not self._is_stopping():  # somebody may have asked for it meanwhile
                self._begin(begun.number)
        if unable:
            raise typer.Exit(_CANNOT)

    def _is_stopping(self) -> bool:
        return self._stopping

    def _begin(self, number: int) -> None:
        process = os.fork()
        if process == 0:
            self._become_server(number)
        self._begun[process] = _Begun(number, time.monotonic())

    def _become_server(self, number: int) -> None:
        """Does not come back."""
        code = 1
        try:
            for name in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                signal.signal(name, signal.SIG_DFL)
            os.close(self._kept_open)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            self._serve(shared_listener(self._bound), number)
            code = 0
        except typer.Exit as ended:
            code = ended.exit_code
        finally:
            os._exit(code)

    def _end_with_parent(self) -> None:
        """Who lost the process that would replace or stop it ends as it would have been told to."""
        os.read(self._alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _stop(self, _signal: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        if not self._stopping:
            self._stopping = True
            signal.signal(signal.SIGALRM, lambda *_: self._tell(signal.SIGKILL))
            signal.alarm(int(self._drain_seconds + _MARGIN))
        self._tell(signal.SIGTERM)

    def _tell(self, sent: signal.Signals) -> None:
        for process in list(self._begun):
            try:
                os.kill(process, sent)
            except ProcessLookupError:
                continue


def shared_listener(bound: socket.socket) -> socket.socket:
    """A socket of its own for the address of another that is bound and does not listen."""
    listener = socket.socket(bound.family)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    listener.bind(bound.getsockname())
    return listener


def _code(status: int) -> int:
    return os.waitstatus_to_exitcode(status)
