"""A client of SMART Backend Services, as one outside would be written: its keys, its assertions, its tokens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from api_client import JSON, Client, InProcess, settings
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhir_service.api.app import create_app
from fhir_service.storage.repository import Repository

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_URL = "http://localhost/fhir/auth/token"
RSA = RSAKey.generate_key(2048, private=True)
EC = ECKey.generate_key("P-384", private=True)
"""Made once: to make an RSA key takes longer than most tests."""


def public(key: RSAKey | ECKey, kid: str) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid}


JWKS = {"keys": [public(RSA, "rsa"), public(EC, "ec")]}


@dataclass(frozen=True)
class Signer:
    """Signs assertions of one client; what is given replaces what is right, None leaves it out."""

    client_id: str
    algorithm: str = "ES384"
    header: dict[str, Any] = field(default_factory=dict)

    def assertion(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        kid = "rsa" if self.algorithm[0] == "R" else "ec"
        said = {"alg": self.algorithm, "kid": kid, "typ": "JWT", **self.header, **(header or {})}
        told = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": TOKEN_URL,
            "exp": int(time.time()) + 300,
            "jti": str(uuid4()),
            **claims,
        }
        signing = key or (RSA if said["alg"][0] == "R" else EC)
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode({k: v for k, v in said.items() if v is not None}, kept, signing, algorithms=[said["alg"]])


def form(assertion: str, scope: str = "system/*.read", **more: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        "scope": scope,
        **more,
    }


def secured(store: Repository, **changes: Any) -> Client:
    """A client of a service with access control over a store."""
    served = create_app(settings(**{"access": "smart", "rate_limit": ""} | changes), store)
    transport = InProcess(served)
    return Client(transport=transport, base_url="http://localhost", headers=JSON)


async def ask(client: httpx.AsyncClient, sent: dict[str, str], url: str = "/fhir/auth/token") -> httpx.Response:
    content_type = {"content-type": "application/x-www-form-urlencoded"}
    return await client.post(url, data=sent, headers=content_type)


async def token(client: httpx.AsyncClient, client_id: str, scope: str) -> dict[str, str]:
    """The header that a new token is sent in."""
    answer = await ask(client, form(Signer(client_id).assertion(), scope))
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}
