"""Access tokens by SMART Backend Services 2.2.0: where to ask for them, and a new one before the old one ends."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

import httpx
import msgspec

from fhir_service.workflows.bulk_client.answers import Said, plain, refusal
from fhir_service.workflows.bulk_client.asking import ask
from fhir_service.workflows.bulk_client.client_key import ClientKey
from fhir_service.workflows.bulk_client.errors import BrokenAnswer
from fhir_service.workflows.bulk_client.origins import Origins
from fhir_service.workflows.bulk_client.pace import Pace

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_UNSAID_SECONDS = 300.0
_SPARE = 30.0
"""Seconds before its end a token is renewed; of short ones a fifth of their time."""


class Configuration(msgspec.Struct):
    """What is needed of `.well-known/smart-configuration`."""

    token_endpoint: str
    capabilities: list[str] = []
    token_endpoint_auth_signing_alg_values_supported: list[str] = []


class _Granted(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: float = _UNSAID_SECONDS


async def discover(http: httpx.AsyncClient, pace: Pace, base: httpx.URL) -> Configuration:
    """Raises BrokenAnswer, Refused."""
    request = http.build_request(
        "GET", f"{base}/.well-known/smart-configuration", headers={"Accept": "application/json"}
    )
    said = await ask(http, pace, request)
    if said.status != httpx.codes.OK:
        raise refusal("the question where tokens are to be had (.well-known/smart-configuration)", said)
    try:
        return msgspec.json.decode(said.body, type=Configuration)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise BrokenAnswer(f".well-known/smart-configuration is not as it should be: {fault}") from None


@dataclass(slots=True)
class Tokens:
    """Those of one client at one server. `scope` may be empty: all that the client may read."""

    client_id: str
    key: ClientKey
    origins: Origins
    scope: str = ""
    _url: httpx.URL | None = None
    _token: str = ""
    _ends: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self, http: httpx.AsyncClient, pace: Pace) -> str:
        """One that is good for a while. Raises BrokenAnswer, NotTrusted, Refused."""
        async with self._lock:
            if not self._token or pace.clock() >= self._ends:
                await self._renew(http, pace)
            return self._token

    def reject(self, token: str) -> None:
        """The server does not take it, whatever it said of its end."""
        if token == self._token:
            self._token = ""

    async def _renew(self, http: httpx.AsyncClient, pace: Pace) -> None:
        url = self._url = self._url or await self._discovered(http, pace)
        form = {
            "grant_type": "client_credentials",
            "scope": self.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self.key.assertion(self.client_id, str(url)),
        }
        asked = pace.clock()
        request = http.build_request("POST", url, data=form, headers={"Accept": "application/json"})
        granted = _granted(await ask(http, pace, request, once=True))
        self._token = granted.access_token
        self._ends = asked + granted.expires_in - min(_SPARE, granted.expires_in / 5)

    async def _discovered(self, http: httpx.AsyncClient, pace: Pace) -> httpx.URL:
        told = await discover(http, pace, self.origins.base)
        url = self.origins.followed(told.token_endpoint, "the token endpoint")
        self.origins.refuse_secrets_in_clear(url)
        self.origins.refuse_secrets_in_clear(self.origins.base)
        taken = told.token_endpoint_auth_signing_alg_values_supported
        if taken and self.key.algorithm not in taken:
            listed = plain(", ".join(taken), 100)
            raise BrokenAnswer(f"the server takes signatures by {listed}, and the key is for {self.key.algorithm}")
        if not self.scope:
            self.scope = "system/*.rs" if "permission-v2" in told.capabilities else "system/*.read"
        return url


def _granted(said: Said) -> _Granted:
    if not httpx.codes.is_success(said.status):
        raise refusal("the question for a token", said)
    try:
        granted = msgspec.json.decode(said.body, type=_Granted, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise BrokenAnswer(f"the answer of the token endpoint is not as it should be: {fault}") from None
    if granted.token_type.lower() != "bearer" or not _TOKEN.fullmatch(granted.access_token):
        raise BrokenAnswer("the token endpoint gives no bearer token")
    return granted
