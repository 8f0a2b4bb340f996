"""SMART's scopes (app launch 2.2.0), version 1 and 2: texts to grants, and what of a request is granted.

`(patient|user|system)/(Type|*).(cruds, in this order)[?search]`, or of version 1 `.read`, `.write` and `.*`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.access import EVERY_TYPE, Grant
from fhir_service.search.restrictions import UnusableRestriction, restriction_of

MOST = 100
"""Scopes of one client or request."""
_LONGEST = 6000
"""Characters of them together: a token has to fit into a header."""
_LETTERS = "cruds"
_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]*)\.(read|write|\*|c?r?u?d?s?)(?:\?(\S+))?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": _LETTERS}


class InvalidScope(ValueError):
    """A scope that cannot be read, or cannot be granted."""


class Scope(NamedTuple):
    """One scope. `words` is how it says its letters: `rs`, or `read` of version 1."""

    context: str
    words: str
    grant: Grant

    @property
    def text(self) -> str:
        grant = self.grant
        return f"{self.context}/{grant.type}.{self.words}{f'?{grant.query}' if grant.query else ''}"


def read_scopes(text: str) -> tuple[Scope, ...]:
    """Those of a list with blanks between, each once. Raises InvalidScope."""
    if len(text) > _LONGEST:
        raise InvalidScope(f"the scopes are over {_LONGEST:,} characters long")
    texts = list(dict.fromkeys(text.split()))
    if not texts:
        raise InvalidScope("no scope is asked for; for instance system/Patient.rs")
    if len(texts) > MOST:
        raise InvalidScope(f"there are more than {MOST} scopes")
    return tuple(read_scope(one) for one in texts)


def read_scope(text: str) -> Scope:
    """Raises InvalidScope."""
    found = _SCOPE.fullmatch(text)
    if found is None or not found[3]:
        raise InvalidScope(f"'{text[:200]}' is no scope; for instance system/Patient.rs or system/*.read")
    context, kind, words, query = found[1], found[2], found[3], found[4] or ""
    if kind != EVERY_TYPE and kind not in resource_types():
        raise InvalidScope(f"'{text[:200]}': FHIR R4 has no {kind[:80]}")
    if query:
        _check_restriction(text, kind, words, query)
    return Scope(context, words, Grant(_VERSION_1.get(words, words), kind, query))


def scopes_among(text: str) -> tuple[Scope, ...]:
    """Those of a list that can be read; tokens of other issuers hold more than scopes of SMART. One that is passed over
    is leave for nothing."""
    found = []
    for one in list(dict.fromkeys(text.split()))[:MOST]:
        with suppress(InvalidScope):
            found.append(read_scope(one))
    return tuple(found)


def within(asked: Iterable[Scope], allowed: Sequence[Scope]) -> tuple[Scope, ...]:
    """What two lists have in common: of what is asked for that part which is allowed, as it was asked for where it is
    allowed whole. Contexts have to be the same. Raises InvalidScope where the two are too long together."""
    common = (one for wanted in asked for limit in allowed if (one := _common(wanted, limit)) is not None)
    found = tuple({one.text: one for one in common}.values())
    if len(found) > MOST or len(scope_text(found)) > _LONGEST:
        raise InvalidScope(f"more than {MOST} scopes, or {_LONGEST:,} characters, would be granted; ask for fewer")
    return found


def grants_of(scopes: Iterable[Scope], contexts: Collection[str]) -> tuple[Grant, ...]:
    """The grants of those scopes that are of these contexts."""
    return tuple(dict.fromkeys(scope.grant for scope in scopes if scope.context in contexts))


def scope_text(scopes: Iterable[Scope]) -> str:
    return " ".join(scope.text for scope in scopes)


def _check_restriction(text: str, kind: str, words: str, query: str) -> None:
    if kind == EVERY_TYPE:
        raise InvalidScope(f"'{text[:200]}': a search restriction needs one type")
    if words in _VERSION_1:
        raise InvalidScope(f"'{text[:200]}': a scope of version 1 has no search restriction; say .rs?… for .read?…")
    try:
        restriction_of(kind, query)
    except UnusableRestriction as fault:
        raise InvalidScope(f"'{text[:200]}': {fault}") from None


def _common(wanted: Scope, limit: Scope) -> Scope | None:
    if wanted.context != limit.context:
        return None
    (asked, may) = (wanted.grant, limit.grant)
    letters = "".join(letter for letter in _LETTERS if letter in asked.letters and letter in may.letters)
    if not letters or (asked.type != may.type and EVERY_TYPE not in (asked.type, may.type)):
        return None
    kind = may.type if asked.type == EVERY_TYPE else asked.type
    query = "&".join(dict.fromkeys(part for part in (asked.query, may.query) if part))
    words = wanted.words if letters == asked.letters and (not query or wanted.words == letters) else letters
    return Scope(wanted.context, words, Grant(letters, kind, query))
