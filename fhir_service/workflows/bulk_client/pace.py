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
    for one export."""

    shortest: float = 1.0
    longest: float = 60.0
    longest_said: float = 3600.0
    in_all: float = 24 * 3600.0
    tries: int = 6
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    def wait(self, said: str | None, attempt: int) -> float:
        """`said` is a Retry-After (RFC 9110 section 10.2.3), `attempt` counts from 0."""
        told = _seconds(said)
        if told is not None:
            return min(max(told, self.shortest), self.longest_said)
        return min(self.shortest * 2.0 ** min(attempt, 30), self.longest)


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
