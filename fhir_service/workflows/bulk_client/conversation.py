"""Requests to the server of an export: with the token where it may go, and never led astray."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from fhir_service.workflows.bulk_client.answers import Said
from fhir_service.workflows.bulk_client.asking import ask
from fhir_service.workflows.bulk_client.errors import NotTrusted
from fhir_service.workflows.bulk_client.origins import Origins
from fhir_service.workflows.bulk_client.pace import Pace
from fhir_service.workflows.bulk_client.tokens import Tokens

_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Conversation:
    """With one server; `tokens` is None where it wants none. `http` follows no redirects by itself."""

    http: httpx.AsyncClient
    origins: Origins
    pace: Pace
    tokens: Tokens | None = None

    async def ask(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes = b"", *, once: bool = False
    ) -> Said:
        """A request to the server itself. Raises BrokenAnswer, NotTrusted, Refused (by the token endpoint)."""
        for is_new in (False, True):
            token = await self._token()
            shown = {**headers, **_bearer(token)}
            request = self.http.build_request(method, url, headers=shown, content=body or None)
            said = await ask(self.http, self.pace, request, once=once)
            if said.status != httpx.codes.UNAUTHORIZED or not token or is_new:
                break
            self._reject(token)
        return said

    @asynccontextmanager
    async def file(
        self, url: httpx.URL, headers: Mapping[str, str], *, with_token: bool
    ) -> AsyncIterator[httpx.Response]:
        """A file, as it comes. Redirects are followed, the token stays with those that may have it. Raises NotTrusted,
        BrokenAnswer, Refused, httpx.TransportError."""
        wanted = with_token and self.tokens is not None
        if wanted:
            self.origins.own(str(url), "a file that wants the token")
        is_new = False
        for _ in range(_MOST_REDIRECTS + 2):
            token = await self._token() if wanted and self.origins.known(url) else ""
            async with self.http.stream("GET", url, headers={**headers, **_bearer(token)}) as answer:
                if answer.has_redirect_location:
                    there = str(url.join(answer.headers["location"]))
                    url = self.origins.followed(there, "where a file is said to be")
                    continue
                if answer.status_code == httpx.codes.UNAUTHORIZED and token and not is_new:
                    self._reject(token)
                    is_new = True
                    continue
                yield answer
                return
        raise NotTrusted(f"a file is said to be somewhere else more than {_MOST_REDIRECTS} times")

    async def _token(self) -> str:
        return await self.tokens.current(self.http, self.pace) if self.tokens is not None else ""

    def _reject(self, token: str) -> None:
        if self.tokens is not None:
            self.tokens.reject(token)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
