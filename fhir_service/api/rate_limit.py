"""No more requests from one client than the setting rate_limit says, below the FHIR base.

A client is who its token says it is, else the address it comes from. The window slides, so that a limit a minute
cannot be spent twice around the full minute.
"""

from __future__ import annotations

import math
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.api.origin import CLIENT, address_of, counted_as
from fhir_service.api.sliding_window import SlidingWindow
from fhir_service.fhir.errors import TooManyRequests

_COUNTED = "fhir_service.counted"


class Rates:
    """How many requests a client with a token, and an address without one, may send: each a number and a time, such as
    `600/minute`, or empty. Each process counts for itself."""

    def __init__(self, with_token: str, without: str) -> None:
        self._with_token = SlidingWindow(with_token) if with_token else None
        self._without = SlidingWindow(without) if without else None

    def count(self, scope: Scope) -> None:
        """Count a request, once. Raises TooManyRequests."""
        if _COUNTED not in scope:
            self.count_one(scope.get(CLIENT, ""), address_of(scope))
            scope[_COUNTED] = True

    def count_one(self, client: str, address: str) -> None:
        """The same for a request of that client, empty where it showed no token. One that is refused does not count."""
        limit = self._with_token if client else self._without
        if limit is not None and (seconds := limit.wait(counted_as(client, address), time.time())):
            raise _refused(limit, max(1, math.ceil(seconds)))


class RateLimit:
    """Raises TooManyRequests below `prefix`."""

    def __init__(self, app: ASGIApp, rates: Rates, prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            self._rates.count(scope)
        await self._app(scope, receive, send)


def _refused(limit: SlidingWindow, seconds: int) -> TooManyRequests:
    per = f"{limit.amount:,} requests in {limit.seconds:,} s"
    text = f"this server answers a client no more than {per}; try again in {seconds} s"
    return TooManyRequests(text, retry_after=seconds)
