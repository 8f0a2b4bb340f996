"""The private key that a client signs its assertions with (SMART 2.2.0, `private_key_jwt`)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhir_service.workflows.bulk_client.errors import UnusableKey

_LIFETIME = 240
"""Seconds; five minutes are the most, and clocks differ."""
_CURVE = "P-384"
_KINDS: dict[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A private key, its id and what it signs with: RS384, or ES384 with a key of P-384."""

    key: RSAKey | ECKey
    kid: str
    algorithm: str

    def assertion(self, client_id: str, token_url: str) -> str:
        """A signed statement of who asks, good once."""
        claims: dict[str, Any] = {"iss": client_id, "sub": client_id, "aud": token_url}
        claims |= {"exp": int(time.time()) + _LIFETIME, "jti": str(uuid4())}
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


def read_client_key(text: bytes, kid: str = "") -> ClientKey:
    """Of PEM, a JWK, or a key set of which `kid` or its being alone says which is meant. Raises UnusableKey."""
    if text.lstrip().startswith(b"-----BEGIN"):
        if not kid:
            raise UnusableKey("a PEM file does not say the id of its key; name it with --kid")
        return _client_key(_of_pem(text), kid)
    value = _chosen(_json(text), kid)
    named = kid or value.get("kid")
    if not isinstance(named, str) or not named:
        raise UnusableKey("the key has no kid; name it with --kid")
    try:
        key = _KINDS[value["kty"]].import_key(value)
    except (JoseError, ValueError, TypeError, KeyError):
        raise UnusableKey("the key cannot be read; it has to be of the kind RSA or EC") from None
    return _client_key(key, named)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnusableKey("it is neither PEM nor a JSON Web Key") from None


def _chosen(value: Any, kid: str) -> dict[str, Any]:
    listed = value.get("keys", [value]) if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise UnusableKey("it is neither PEM nor a JSON Web Key")
    private = [one for one in listed if isinstance(one, dict) and "d" in one]
    found = [one for one in private if one.get("kid") == kid] if kid and len(private) > 1 else private
    if not private:
        raise UnusableKey("it has no private key, which alone can sign")
    if len(found) != 1:
        raise UnusableKey("it has several private keys; --kid says which one is meant")
    return found[0]


def _of_pem(text: bytes) -> RSAKey | ECKey:
    for kind in _KINDS.values():
        try:
            return kind.import_key(text)
        except (JoseError, ValueError, TypeError):
            continue
    raise UnusableKey("the PEM file has no RSA or EC key that can be read; one with a password is not")


def _client_key(key: RSAKey | ECKey, kid: str) -> ClientKey:
    if not key.is_private:
        raise UnusableKey("it has no private key, which alone can sign")
    if isinstance(key, ECKey) and key.curve_name != _CURVE:
        raise UnusableKey(f"ES384 wants a key of the curve {_CURVE}, and this is of {key.curve_name}")
    return ClientKey(key, kid, "RS384" if isinstance(key, RSAKey) else "ES384")
