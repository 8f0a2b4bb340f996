"""The public keys of a client, as a JSON Web Key Set (RFC 7517). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

Key = RSAKey | ECKey
_MOST_KEYS = 100
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that nobody but its owner may know."""
_LEAST_RSA_BITS = 2048
_KINDS: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
_PUBLIC = ("kty", "n", "e", "crv", "x", "y")


class UnusableKeys(ValueError):
    """No key set, or none that a signature can be checked with."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of a set, with their ids."""

    keys: tuple[tuple[str, Key], ...]

    def single(self, kid: str, kty: str) -> Key | None:
        """The key of that id and kind, where there is exactly one (SMART 2.2.0, AUTH-5)."""
        found = [key for known, key in self.keys if known == kid and key.key_type == kty]
        return found[0] if len(found) == 1 else None


def read_key_set(text: str | bytes, *, strict: bool = False) -> KeySet:
    """Keys without id, of other kinds, too short, or that give a secret away are passed over; `strict` raises
    UnusableKeys for them. Raises UnusableKeys too where nothing is left."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise UnusableKeys("the key set is not JSON") from None
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise UnusableKeys(f'a key set is {{"keys": […]}}, with at most {_MOST_KEYS} keys')
    keys = _read(listed, strict)
    if not keys:
        raise UnusableKeys("the key set has no public RSA or EC key with a kid")
    return KeySet(tuple(keys))


def _read(listed: Sequence[Any], strict: bool) -> list[tuple[str, Key]]:
    keys = []
    for number, one in enumerate(listed):
        try:
            keys.append(_key(one))
        except UnusableKeys as fault:
            if strict:
                raise UnusableKeys(f"keys[{number}]: {fault}") from None
    return keys


def _key(value: Any) -> tuple[str, Key]:
    if not isinstance(value, Mapping) or value.get("kty") not in _KINDS:
        raise UnusableKeys("it is no RSA or EC key")
    if secret := sorted(_SECRET & value.keys()):
        raise UnusableKeys(f"it is a private key ({', '.join(secret)}); only the public one may leave its owner")
    if value.get("use", "sig") != "sig":
        raise UnusableKeys("it is not for signatures")
    kid = value.get("kid")
    if not isinstance(kid, str) or not kid:
        raise UnusableKeys("it has no kid")
    try:
        key: Key = _KINDS[value["kty"]].import_key({name: value[name] for name in _PUBLIC if name in value})
    except (JoseError, ValueError, TypeError, KeyError):
        raise UnusableKeys("it cannot be read") from None
    if isinstance(key, RSAKey) and key.public_key.key_size < _LEAST_RSA_BITS:
        raise UnusableKeys(f"an RSA key needs {_LEAST_RSA_BITS} bits at least")
    return kid, key
