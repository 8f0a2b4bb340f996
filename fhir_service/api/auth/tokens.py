"""Our own access tokens: signed, good for minutes, and for this service only."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_ALGORITHM = "ES256"
_CURVE = "P-256"


class UnusableTokenKey(ValueError):
    """The file has no key that tokens can be signed with."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says: whose it is, for what, when it was made and until when it is good (seconds since 1970)."""

    client_id: str
    scope: str
    issued: float
    expires: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and reads them. `audience` is the address of the service; `seconds` how long one is good."""

    key: ECKey
    audience: str
    seconds: int

    def issue(self, client_id: str, scope: str) -> str:
        now = time.time()
        claims = {
            "iss": self.audience,
            "aud": self.audience,
            "sub": client_id,
            "scope": scope,
            "iat": now,
            "exp": int(now) + self.seconds,
            "jti": str(uuid4()),
        }
        return jwt.encode({"alg": _ALGORITHM, "typ": "at+jwt"}, claims, self.key, algorithms=[_ALGORITHM])

    def read(self, text: str) -> Token | None:
        """None for one that is not ours, or no longer good."""
        try:
            token = jwt.decode(text, self.key, algorithms=[_ALGORITHM])
        except (JoseError, ValueError, RecursionError):
            return None
        claims = token.claims
        if token.header.get("typ") != "at+jwt" or (claims.get("iss"), claims.get("aud")) != (self.audience,) * 2:
            return None
        found = Token(claims["sub"], claims["scope"], claims["iat"], claims["exp"])
        return found if found.expires > time.time() else None


def token_key(file: str) -> ECKey:
    """The P-256 key in a file (PEM or JWK); without a file a new one, whose tokens end with the process.

    Raises UnusableTokenKey.
    """
    if not file:
        return ECKey.generate_key(_CURVE, private=True)
    try:
        key = ECKey.import_key(Path(file).read_text())
    except (OSError, JoseError, ValueError, TypeError) as fault:
        raise UnusableTokenKey(f"{file} cannot be read as a key ({type(fault).__name__})") from None
    if not key.is_private or key.curve_name != _CURVE:
        raise UnusableTokenKey(f"{file} has no private key of the curve {_CURVE}")
    return key
