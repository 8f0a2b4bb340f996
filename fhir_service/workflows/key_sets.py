"""Key sets of other servers, kept as long as those say, and fetched anew for a key that is not among them: so a client
changes its keys without telling anybody."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from fhir_service.workflows.client_keys import Key, KeySet, UnusableKeys, read_key_set
from fhir_service.workflows.fetch_json import AllowedHosts, NotFetched, fetch_json

_BETWEEN_LOOKS = 5.0
"""Seconds before a set is fetched anew for a key that it did not have, or that was not to be had: who says whose they
are has proved nothing yet, and must not make us ask all the time."""
_MOST_KEPT = 1000


@dataclass(slots=True)
class _Kept:
    keys: KeySet | None = None
    fetched: float = float("-inf")
    expires: float = float("-inf")
    fault: str = ""
    """Why it was not to be had when it was last asked for."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """Belongs to one event loop."""

    def __init__(self, allowed: AllowedHosts) -> None:
        self.allowed = allowed
        self._kept: dict[str, _Kept] = {}

    async def key(self, url: str, kid: str, kty: str) -> Key | None:
        """The single key of that id and kind at the URL. Raises NotFetched."""
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()
        kept = self._kept.setdefault(url, _Kept())
        async with kept.lock:
            now = time.monotonic()
            there = kept.keys.single(kid, kty) if kept.keys is not None else None
            if there is not None and now < kept.expires:
                return there
            if now - kept.fetched < _BETWEEN_LOOKS:
                if kept.fault:
                    raise NotFetched(kept.fault)
                if there is None:
                    return None
            await self._fetch(url, kept)
            return kept.keys.single(kid, kty) if kept.keys is not None else None

    async def _fetch(self, url: str, kept: _Kept) -> None:
        try:
            fetched = await asyncio.to_thread(fetch_json, url, self.allowed)
            kept.keys = read_key_set(fetched.body)
        except (NotFetched, UnusableKeys) as fault:
            kept.fetched, kept.fault = time.monotonic(), str(fault)
            raise NotFetched(str(fault)) from None
        kept.fetched, kept.fault = time.monotonic(), ""
        kept.expires = kept.fetched + fetched.age
