"""A signed JWT as it speaks of itself, before anything is proved, and what is wrong in any of them (RFC 7515, 7519).

Two readers of one text must not see two things: a name that is written twice, or a header that changes how the rest is
read, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from joserfc.util import urlsafe_b64decode

LONGEST = 16 * 1024
_PARTS = 3
_EXTENSIONS = frozenset({"crit", "b64", "zip"})
"""Of a header; no JWT needs one that is meant for us, and one must not have `b64` (RFC 7797 section 7)."""
_LAST_SECOND = 1e12


class NotTaken(ValueError):
    """The text is no JWT that is taken; the message says why."""


def said_by(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims; nothing is proved by them. Raises NotTaken."""
    if len(text) > LONGEST:
        raise NotTaken("it is too long")
    parts = text.split(".")
    try:
        if len(parts) != _PARTS:
            raise ValueError
        header, claims = (
            json.loads(urlsafe_b64decode(part.encode("ascii")), object_pairs_hook=_once) for part in parts[:2]
        )
        json.dumps([header, claims], ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise NotTaken("it is no signed JWT") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NotTaken("it is no signed JWT")
    if extensions := sorted(_EXTENSIONS & header.keys()):
        raise NotTaken(f"{extensions[0]} in its header is not taken")
    return header, claims


def seconds_of(claims: Mapping[str, Any], name: str) -> int | None:
    """A NumericDate, in whole seconds since 1970 UTC; None where there is none. Raises NotTaken."""
    value = claims.get(name)
    if name in claims and (
        isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LAST_SECOND
    ):
        raise NotTaken(f"{name} is no number of seconds since 1970")
    return None if value is None else int(value)


def is_for(claims: Mapping[str, Any], audience: str) -> bool:
    """Whether `aud`, one text or a list of them, names the audience."""
    said = claims.get("aud")
    return audience in (said if isinstance(said, list) else [said])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
