"""How patient a client is: what it waits between two requests, and when it gives up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but `tries`: so many failures in a row end it. Where the server says how long to wait, that counts, from
    `shortest` up to `longest_said`; else the wait doubles from `shortest` up to `longest`. `in_all` is the longest wait
    for one export, `busy` that for one answer of a server that says that it has no time."""

    shortest: float = 1.0
    longest: float = 60.0
    longest_said: float = 3600.0
    in_all: float = 24 * 3600.0
    busy: float = 900.0
    tries: int = 6
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    def wait(self, said: str | None, attempt: int) -> float:
        """`said` is a Retry-After (RFC 9110 section 10.2.3), `attempt` counts from 0."""
        told = _seconds(said)
        if told is not None:
            return min(max(told, self.shortest), self.longest_said)
        return min(self.shortest * 2.0 ** min(attempt, 30), self.longest)


@dataclass(slots=True)
class Patience:
    """What is left of it with one request."""

    pace: Pace
    _asked: int = 0
    _failures: int = 0
    _waited: float = 0.0

    def wait(self, said: str | None = None, *, busy: bool = False) -> float | None:
        """Seconds until the next try; None where there is none: after so many failures in a row, or so long a wait for
        a server that is `busy`."""
        wait = self.pace.wait(said, self._asked)
        self._asked += 1
        if busy:
            self._waited += wait
            return wait if self._waited <= self.pace.busy else None
        self._failures += 1
        return wait if self._failures < self.pace.tries else None


def _seconds(said: str | None) -> float | None:
    text = (said or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
