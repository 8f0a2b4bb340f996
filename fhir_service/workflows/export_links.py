"""Links to exported files that are good for some time, for whoever has them (Bulk Data Access 3.0.0, capability URLs).

Each job has a secret of its own, which goes with it: no key has to be kept, shared or rotated.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

EXPIRES, SIGNATURE = "expires", "signature"


def new_secret() -> str:
    return secrets.token_hex(32)


def signed(url: str, name: str, secret: str, expires: int) -> str:
    """The URL of a file of that name, good until `expires` (seconds since 1970)."""
    return f"{url}?{urlencode({EXPIRES: expires, SIGNATURE: _signature(name, secret, str(expires))})}"


def is_good(name: str, secret: str, given: Mapping[str, str], now: float) -> bool:
    """Whether these parameters of a URL are signed for that file, and it is not too late."""
    expires = given.get(EXPIRES, "")
    wanted = _signature(name, secret, expires)
    right = hmac.compare_digest(wanted.encode(), given.get(SIGNATURE, "").encode())
    return bool(secret) and right and expires.isdecimal() and now <= int(expires)


def _signature(name: str, secret: str, expires: str) -> str:
    return hmac.new(secret.encode(), f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()
