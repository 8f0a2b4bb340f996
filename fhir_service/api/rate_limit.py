"""No more requests from one client than the setting rate_limit says, below the FHIR base.

A client is who its token says it is, else the address it comes from. The window slides, so that a limit a minute
cannot be spent twice around the full minute.
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.api.origin import client_of
from fhir_service.fhir.errors import TooManyRequests


class RateLimit:
    """Raises TooManyRequests; `limit` is a number and a time, such as `600/minute`. Each process counts for itself."""

    def __init__(self, app: ASGIApp, limit: str, prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._limit = parse(limit)
        self._counter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            client = client_of(scope)
            if not self._counter.hit(self._limit, client):
                reset = self._counter.get_window_stats(self._limit, client).reset_time
                raise _refused(self._limit, max(1, math.ceil(reset - time.time())))
        await self._app(scope, receive, send)


def _refused(limit: RateLimitItem, seconds: int) -> TooManyRequests:
    per = f"{limit.amount:,} requests in {limit.get_expiry():,} s"
    text = f"this server answers a client no more than {per}; try again in {seconds} s"
    return TooManyRequests(text, retry_after=seconds)
