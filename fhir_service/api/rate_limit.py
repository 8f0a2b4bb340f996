"""No more requests from one client than the setting rate_limit says, below the FHIR base.

A client is who its token says it is, else the address it comes from. The window slides, so that a limit a minute
cannot be spent twice around the full minute.
"""

from __future__ import annotations

import math
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.api.origin import CLIENT, client_of
from fhir_service.api.sliding_window import SlidingWindow
from fhir_service.fhir.errors import TooManyRequests


class RateLimit:
    """Raises TooManyRequests. A rate is a number and a time, such as `600/minute`, or empty: first that of a client
    with a token, then that of an address. Each process counts for itself."""

    def __init__(self, app: ASGIApp, rates: tuple[str, str], prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._limits = tuple(SlidingWindow(rate) if rate else None for rate in rates)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            limit = self._limits[0 if scope.get(CLIENT) else 1]
            if limit is not None and (seconds := limit.wait(client_of(scope), time.time())):
                raise _refused(limit, max(1, math.ceil(seconds)))
        await self._app(scope, receive, send)


def _refused(limit: SlidingWindow, seconds: int) -> TooManyRequests:
    per = f"{limit.amount:,} requests in {limit.seconds:,} s"
    text = f"this server answers a client no more than {per}; try again in {seconds} s"
    return TooManyRequests(text, retry_after=seconds)
