"""An issuer of tokens outside this service, and its keys (OpenID Connect Discovery 1.0, RFC 8414)."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from fhir_service.workflows.client_keys import Key
from fhir_service.workflows.fetch_json import AllowedHosts, NotFetched, fetch_json
from fhir_service.workflows.key_sets import KeySets

_CONFIGURATION = "/.well-known/openid-configuration"
_BETWEEN_LOOKS = 5.0
"""Seconds after which an issuer that did not answer is asked again."""


class Issuer:
    """One of the settings, so its own host may be asked wherever it is. Belongs to one event loop."""

    def __init__(self, url: str, allowed: AllowedHosts) -> None:
        self.url = url
        self._allowed = allowed
        self._key_sets = KeySets(allowed)
        self._keys_at = ""
        self._expires = float("-inf")
        self._failed = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str, kty: str) -> Key | None:
        """Its single key of that id and kind. Raises NotFetched."""
        return await self._key_sets.key(await self._discovered(), kid, kty)

    async def _discovered(self) -> str:
        """Where its keys are, as it says itself."""
        async with self._lock:
            now = time.monotonic()
            if now < self._expires:
                return self._keys_at
            if now - self._failed < _BETWEEN_LOOKS:
                raise NotFetched("it did not answer a moment ago")
            try:
                fetched = await asyncio.to_thread(fetch_json, f"{self.url.rstrip('/')}{_CONFIGURATION}", self._allowed)
                self._keys_at = self._key_url(fetched.body)
            except NotFetched:
                self._failed = now
                raise
            # Where the keys are hardly ever changes; to be told not to keep it must not double each look for a key.
            self._expires = time.monotonic() + max(fetched.age, _BETWEEN_LOOKS)
            return self._keys_at

    def _key_url(self, text: bytes) -> str:
        try:
            told: Any = json.loads(text)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict) or told.get("issuer") != self.url:
            raise NotFetched("its configuration is not that of this issuer")
        keys_at = told.get("jwks_uri")
        if not isinstance(keys_at, str) or not keys_at:
            raise NotFetched("its configuration has no jwks_uri")
        return keys_at
