"""A client says who it is by a signed assertion (RFC 7523, SMART 2.2.0 `private_key_jwt`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from fhir_service.api.auth.jwt_parts import NotTaken, is_for, said_by, seconds_of
from fhir_service.api.auth.oauth_errors import OAuthError
from fhir_service.storage.clients import Client, Clients
from fhir_service.workflows.client_keys import Key, UnusableKeys, read_key_set
from fhir_service.workflows.fetch_json import NotFetched
from fhir_service.workflows.key_sets import KeySets

ALGORITHMS = {"RS384": "RSA", "ES384": "EC"}
"""Those that are taken, and the kind of key of each; never `none`, and none with a shared secret."""
LIFETIME = 300
SKEW = 5
"""Seconds that two clocks may differ: clients of the test kits use exactly five minutes."""
_LONGEST_JTI = 1000


@dataclass(frozen=True, slots=True)
class Assertions:
    """Checks those that are addressed to the token endpoint."""

    clients: Clients
    key_sets: KeySets

    async def client(self, assertion: str, token_url: str) -> Client:
        """Whose it is. Raises OAuthError (`invalid_client`), also for one that was used before."""
        try:
            header, said = said_by(assertion)
        except NotTaken as fault:
            raise _refused(f"the assertion is not taken: {fault}") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise _refused(f"the assertion has to be signed with {' or '.join(ALGORITHMS)}")
        if str(header.get("typ", "JWT")).upper() != "JWT":
            raise _refused("typ in the header of the assertion is JWT")
        if not isinstance(kid, str) or not kid:
            raise _refused("the header of the assertion has no kid")
        client = await self._known(said.get("iss"))
        key = await self._key(client, header, kid, ALGORITHMS[algorithm])
        try:
            claims = jwt.decode(assertion, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError):
            raise _refused("the signature of the assertion does not fit the key") from None
        expires = _checked(claims, client.id, token_url)
        if not await self.clients.use_once(client.id, claims["jti"], (expires + SKEW) * 1000):
            raise _refused("the assertion was used before: jti has to be new each time")
        return client

    async def _known(self, issuer: Any) -> Client:
        client = await self.clients.find(issuer) if isinstance(issuer, str) and issuer else None
        if client is None:
            raise _refused("iss of the assertion is no client that is registered here")
        return client

    async def _key(self, client: Client, header: Mapping[str, Any], kid: str, kty: str) -> Key:
        if "jku" in header and (not client.jwks_url or header["jku"] != client.jwks_url):
            raise _refused("jku is not the URL that the client is registered with")
        try:
            if client.jwks_url:
                key = await self.key_sets.key(client.jwks_url, kid, kty)
            else:
                key = read_key_set(client.jwks).single(kid, kty)
        except (NotFetched, UnusableKeys) as fault:
            raise _refused(f"the keys of the client cannot be had: {fault}") from None
        if key is None:
            raise _refused("the client has no single key of that kid and kind")
        return key


def _checked(claims: Mapping[str, Any], client_id: str, token_url: str) -> int:
    """When it expires, in seconds since 1970 UTC."""
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise _refused("iss and sub of the assertion are both the client_id")
    if not is_for(claims, token_url):
        raise _refused(f"aud of the assertion is the token endpoint, {token_url}")
    now = time.time()
    expires = _time(claims, "exp")
    if expires is None:
        raise _refused("the assertion has no exp, in seconds since 1970")
    if expires + SKEW <= now:
        raise _refused("the assertion has expired")
    if expires > now + LIFETIME + SKEW:
        raise _refused("exp of the assertion is more than five minutes ahead")
    if any((_time(claims, name) or 0) > now + SKEW for name in ("nbf", "iat")):
        raise _refused("the assertion is not good yet")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise _refused("the assertion has no jti")
    return expires


def _time(claims: Mapping[str, Any], name: str) -> int | None:
    try:
        return seconds_of(claims, name)
    except NotTaken:
        raise _refused(f"{name} of the assertion is no number of seconds since 1970") from None


def _refused(text: str) -> OAuthError:
    return OAuthError("invalid_client", text)
