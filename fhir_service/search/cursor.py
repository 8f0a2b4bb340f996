"""The opaque place of a page in a result: what a `next` link carries (rest-rules PAGE-1).

It is the sort values and the key of the last row before, so that rows which others add or change meanwhile move no
page. It comes back from outside: it is checked and never trusted.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from fhir_service.fhir.errors import InvalidParameter
from fhir_service.search.criteria import SortKey

CURSOR = "_cursor"
"""The parameter in a `next` link that says where the page begins."""
_RELEASE = 2
_LONGEST = 8192
_LAST_KEY = 2**63 - 1

SortValue = str | float | None
"""Milliseconds, a number or a text; None where the row has no value to sort by."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of the page before: one value for each sort key, and its resource_key."""

    values: tuple[SortValue, ...]
    resource_key: int

    def text(self, sort: Sequence[SortKey]) -> str:
        """As a link carries it."""
        body = [_RELEASE, _order(tuple(sort)), self.resource_key, *self.values]
        written = _json(body).encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(written).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, sort: Sequence[SortKey]) -> Cursor:
        """Raises InvalidParameter for what is no cursor of a result in this order."""
        match _decoded(text):
            case [int(release), *_] if release != _RELEASE:
                raise _refused("this link is from another release; search anew")
            case [_, str(order), *_] if order != _order(tuple(sort)):
                raise _refused("this link belongs to a result in another order; search anew")
            case [_, str(), int(key), *values] if (
                not isinstance(key, bool)
                and 0 <= key <= _LAST_KEY
                and len(values) == len(sort)
                and all(_fits(value, one.kind) for value, one in zip(values, sort, strict=True))
            ):
                return cls(tuple(values), key)
        raise _refused("this is not a place in a result; follow the links as they are given")


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@lru_cache(256)
def _order(sort: tuple[SortKey, ...]) -> str:
    """What tells one order from another; not a secret."""
    words = ",".join(f"{'-' if key.descending else ''}{key.kind}:{key.parameter}" for key in sort)
    return blake2b(words.encode(), digest_size=6).hexdigest()


def _decoded(text: str) -> Any:
    if len(text) > _LONGEST:
        return None
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return json.loads(raw)
    except (ValueError, RecursionError):  # of base64, ASCII, UTF-8 and JSON alike
        return None


def _fits(value: object, kind: str) -> bool:
    match value:
        case None:
            return kind in ("number", "text")
        case str():
            return kind in ("id", "text") and "\0" not in value and _is_unicode(value)
        case bool():
            return False
        case int():
            return kind in ("number", "last_updated") and abs(value) <= _LAST_KEY
        case float():
            return kind == "number" and math.isfinite(value)
    return False


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which no database takes."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _refused(why: str) -> InvalidParameter:
    return InvalidParameter(f"{CURSOR}: {why}", expression=(f"http.{CURSOR}",))
