"""How often each of many clients did something in the last while, about: a counter whose window slides.

Time is cut into windows of the length of the limit. What a client did in the window before counts as much as that one
still reaches into the last while, as if it had been spread evenly. So nobody spends a limit twice around the end of a
window, and two numbers a client are kept instead of a time for each thing it did.
"""

from __future__ import annotations

import re

_RATE = re.compile(r"(?P<amount>[1-9]\d*)/(?P<unit>second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_MOST_CLIENTS = 200_000
"""Beyond it all are forgotten and counted anew: who has so many addresses is not kept out by counting them."""

_SOON = 0.001


class SlidingWindow:
    """At most `amount` in `seconds`, of a rate such as `600/minute`. Raises ValueError for what is no rate."""

    def __init__(self, rate: str) -> None:
        found = _RATE.fullmatch(rate)
        if found is None:
            raise ValueError(f"'{rate}' is no number and a time, such as 600/minute")
        self.amount, self.seconds = int(found["amount"]), _SECONDS[found["unit"]]
        self._window = 0
        self._now: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def wait(self, client: str, moment: float) -> float:
        """Count one more at that moment, in seconds, and return 0; or count nothing and return how long to wait."""
        window, elapsed = divmod(moment, self.seconds)
        if window != self._window:
            self._before = self._now if window == self._window + 1 else {}
            self._now, self._window = {}, int(window)
        here, before = self._now.get(client, 0), self._before.get(client, 0)
        if int(before * (1 - elapsed / self.seconds) + here) < self.amount:
            if len(self._now) >= _MOST_CLIENTS:
                self._now.clear()
            self._now[client] = here + 1
            return 0
        if here >= self.amount:
            return self.seconds - elapsed
        return max(_SOON, self.seconds * (1 - (self.amount - here) / before) - elapsed)
