"""How often clients ask how far something is: now and then in a burst, and not all the time."""

from __future__ import annotations

import time
from collections import OrderedDict

from fhir_service.fhir.errors import TooManyRequests

_BURST = 10
_MOST_HELD = 1000


class PollPace:
    """Lets each thing be asked for `per_second` times a second, and some times at once. One for a process."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def ask(self, name: str) -> None:
        """Raises TooManyRequests."""
        now = time.monotonic()
        left, then = self._held.pop(name, (float(_BURST), now))
        left = min(_BURST, left + (now - then) * self._per_second)
        self._held[name] = (max(left - 1, 0), now)
        while len(self._held) > _MOST_HELD:
            self._held.popitem(last=False)
        if left < 1:
            wait = max(1, round(1 / self._per_second))
            raise TooManyRequests("this is asked for too often; Retry-After says when to ask again", retry_after=wait)
