"""Requests of nobody who is known: each kind of them is one AuditEvent in a while, with how often it came.

Whoever has no token can send as many as the line takes, so neither the store nor the memory may grow with them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fhir_service.fhir.audit_events import LOGIN, AccessRecord

WINDOW_SECONDS = 60.0
MOST_IN_WINDOW = 20
"""Addresses that are named one by one; the rest is counted together."""
_OTHERS = ""


class RefusalBook:
    """Belongs to the event loop it is used in; `note` is where the records go."""

    def __init__(self, note: Callable[[AccessRecord], None]) -> None:
        self._note = note
        self._counted: dict[tuple[str, int], int] = {}
        self._first: dict[tuple[str, int], str] = {}
        """The id of the first request of each."""
        self._timer: asyncio.TimerHandle | None = None

    def refused(self, address: str, request: str, status: int) -> None:
        """One more from that address."""
        key = (address, status)
        if key not in self._counted and len(self._counted) >= MOST_IN_WINDOW:
            key = (_OTHERS, status)
        self._counted[key] = self._counted.get(key, 0) + 1
        self._first.setdefault(key, request)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WINDOW_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand on what was counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        counted, self._counted = self._counted, {}
        first, self._first = self._first, {}
        for (address, status), times in counted.items():
            self._note(
                AccessRecord(
                    recorded=time.time_ns() // 1_000_000,
                    request=first[address, status],
                    client="",
                    address=address,
                    interaction=LOGIN,
                    about="",
                    query=f"times={times}",
                    status=status,
                )
            )
