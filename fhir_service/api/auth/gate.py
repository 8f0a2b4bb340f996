"""The one place where what a request shows becomes an Access."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from fhir_service.api.auth.outside_tokens import OutsideTokens
from fhir_service.api.auth.tokens import Tokens
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError, Unauthenticated
from fhir_service.search.scopes import grants_of, read_scopes
from fhir_service.storage.clients import Clients
from fhir_service.storage.repository import Key

RECHECK_SECONDS = 1.0
"""So long a client is believed to be registered still: a revoked one has its tokens refused after that."""
RELOOK_SECONDS = 300.0
"""So long a token of an outside issuer is believed to be signed by a key that the issuer still has."""
_MOST_KEPT = 10_000
_MOST_CHARACTERS = 16 * 1024 * 1024
_LONGEST = 16 * 1024
_BEARER = b"Bearer "
Headers = Sequence[tuple[bytes, bytes]]


class Gate(Protocol):
    """Tells what whoever sent these headers may do."""

    async def access(self, headers: Headers, /) -> Access:
        """Raises Unauthenticated, and IssuerUnavailable where nobody can tell now."""

    def known(self, authorization: bytes, /) -> Access | None:
        """The same for the one Authorization header (empty: there is none), where it was found out a moment ago; None
        where somebody has to look."""


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Lets everybody do everything."""

    fixed: frozenset[Key]

    async def access(self, _headers: Headers, /) -> Access:
        return self.known(b"")

    def known(self, _authorization: bytes, /) -> Access:
        return _open(self.fixed)


@lru_cache(8)
def _open(fixed: frozenset[Key]) -> Access:
    return Access(fixed=fixed)


@dataclass(slots=True)
class _Known:
    """What was found out about a token."""

    access: Access
    expires: float
    registered: bool
    """Whether it is of a client that may be revoked here."""


class TokenGate:
    """Wants a bearer token (RFC 6750), of our own or of an outside issuer. What is found out about one is kept until it
    expires."""

    def __init__(
        self, tokens: Tokens, clients: Clients, fixed: frozenset[Key], outside: OutsideTokens | None = None
    ) -> None:
        self._tokens = tokens
        self._clients = clients
        self._fixed = fixed
        self._outside = outside
        self._known: dict[str, _Known] = {}
        self._size = 0
        """Characters of those that were kept since there were none."""
        self._active: dict[str, float] = {}
        """Clients that were registered when somebody last looked, at that moment of the monotonic clock."""
        self._looking: dict[str, asyncio.Task[None]] = {}
        """By client the look of a moment ago that is being repeated."""

    async def access(self, headers: Headers) -> Access:
        text = bearer_token(headers)
        known = self._known.get(text)
        if known is None or known.expires <= time.time():
            self._known.pop(text, None)
            outside = self._outside
            known = await self._of(outside, text) if outside is not None and outside.are_of(text) else self._own(text)
            self._keep(text, known)
        if known.registered:
            await self.refuse_revoked(known.access.client_id)
        return known.access

    def known(self, authorization: bytes) -> Access | None:
        if not authorization.startswith(_BEARER):
            return None
        known = self._known.get(authorization[len(_BEARER) :].decode("latin-1"))
        if known is None or known.expires <= time.time():
            return None
        if known.registered and not self._stays_active(known.access.client_id):
            return None
        return known.access

    async def refuse_revoked(self, client_id: str) -> None:
        """Raises Unauthenticated."""
        if self._age(client_id) >= RECHECK_SECONDS:
            await self._look(client_id)

    async def _look(self, client_id: str) -> None:
        if await self._clients.find(client_id) is None:
            self._active.pop(client_id, None)
            raise _refused("the token is not good: its client was revoked")
        self._active[client_id] = time.monotonic()

    def _stays_active(self, client_id: str) -> bool:
        """Whether somebody has looked a moment ago. Before that is too long ago it is looked again, so that of many
        requests none has to wait for it."""
        age = self._age(client_id)
        if RECHECK_SECONDS / 2 <= age < RECHECK_SECONDS and client_id not in self._looking:
            self._looking[client_id] = asyncio.create_task(self._look_again(client_id))
        return age < RECHECK_SECONDS

    async def _look_again(self, client_id: str) -> None:
        try:
            await self._look(client_id)
        except FhirError:  # whoever comes next is told
            pass
        finally:
            del self._looking[client_id]

    def _age(self, client_id: str) -> float:
        """Seconds since somebody looked."""
        return time.monotonic() - self._active.get(client_id, -math.inf)

    def _keep(self, text: str, known: _Known) -> None:
        self._size += len(text)
        if len(self._known) >= _MOST_KEPT or self._size > _MOST_CHARACTERS:
            self._known.clear()
            self._size = len(text)
        self._known[text] = known

    def _own(self, text: str) -> _Known:
        token = self._tokens.read(text)
        if token is None:
            raise _refused("the token is not good: not of this server, changed, or expired; ask for a new one")
        access = Access(grants_of(read_scopes(token.scope), ("system",)), self._fixed, token.client_id)
        return _Known(access, token.expires, registered=True)

    async def _of(self, outside: OutsideTokens, text: str) -> _Known:
        """Looked at again now and then: an issuer takes a key back by no longer publishing it."""
        opened = await outside.read(text)
        return _Known(opened.access, min(opened.expires, time.time() + RELOOK_SECONDS), registered=False)


def bearer_token(headers: Headers) -> str:
    """Raises Unauthenticated where there is not exactly one."""
    sent = [value for name, value in headers if name == b"authorization"]
    if not sent:
        raise _refused("say who asks by a token: Authorization: Bearer …; .well-known/smart-configuration tells how")
    scheme, _, text = sent[0].decode("latin-1").partition(" ")
    token = text.strip()
    if len(sent) > 1 or scheme.lower() != "bearer" or not token or len(token) > _LONGEST:
        raise _refused("Authorization has to be one token: Bearer …")
    return token


def _refused(text: str) -> Unauthenticated:
    return Unauthenticated(text)
