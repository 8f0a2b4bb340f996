"""Access tokens of an outside issuer, for people: JWTs by RFC 9068, or near it (docs/howto/access.md)."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from fhir_service.api.auth.jwt_parts import NotTaken, is_for, said_by, seconds_of
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError, Unauthenticated
from fhir_service.search.scopes import scopes_among
from fhir_service.search.scopes_of_people import grants_of_person
from fhir_service.storage.repository import Key
from fhir_service.workflows.fetch_json import NotFetched
from fhir_service.workflows.issuer import Issuer

KINDS_OF_KEY = {"RS": "RSA", "PS": "RSA", "ES": "EC"}
"""By what the name of an algorithm begins with; none of them has a secret that two share."""
SKEW = 5
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_OF_ID_TOKENS = frozenset({"nonce", "at_hash", "c_hash"})
"""Claims of a token that says who somebody is, and is leave for nothing."""
_CARING = frozenset({"Practitioner", "PractitionerRole"})
_REFERENCE = re.compile(r"(?:(https?://\S+)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LONGEST_NAME = 500


class IssuerUnavailable(FhirError):
    """Nobody can tell now whether the token is good (503)."""

    status, code = 503, "transient"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a token is leave for, and until when (seconds since 1970)."""

    access: Access
    expires: float


@dataclass(frozen=True, slots=True)
class OutsideTokens:
    """Reads those that `issuer` made for `audience`, signed by one of the `algorithms`, good for `seconds` at most.
    `base` is the FHIR base of this server, and `types` are those it serves."""

    issuer: Issuer
    audience: str
    algorithms: Collection[str]
    seconds: int
    base: str
    types: Collection[str]
    fixed: frozenset[Key]

    def are_of(self, text: str) -> bool:
        """Whether a text says of itself that it is one."""
        try:
            return said_by(text)[1].get("iss") == self.issuer.url
        except NotTaken:
            return False

    async def read(self, text: str) -> Opened:
        """Raises Unauthenticated, IssuerUnavailable."""
        try:
            header, _ = said_by(text)
            claims = await self._proved(text, header)
            return Opened(self._access(claims), self._checked(claims))
        except NotTaken as fault:
            raise Unauthenticated(f"the token is not good: {fault}") from None

    async def _proved(self, text: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self.algorithms:
            raise NotTaken(f"it has to be signed by {' or '.join(self.algorithms)}")
        if str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise NotTaken("typ in its header is not that of an access token")
        if not isinstance(kid, str) or not kid:
            raise NotTaken("its header has no kid")
        try:
            key = await self.issuer.key(kid, KINDS_OF_KEY[algorithm[:2]])
        except NotFetched as fault:
            raise IssuerUnavailable(f"the keys of {self.issuer.url} cannot be had now: {fault}") from None
        if key is None:
            raise NotTaken("its issuer has no single key of that kid and kind")
        try:
            return jwt.decode(text, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError):
            raise NotTaken("its signature does not fit the key") from None

    def _checked(self, claims: Mapping[str, Any]) -> int:
        if claims.get("iss") != self.issuer.url:
            raise NotTaken("it is of another issuer")
        if not is_for(claims, self.audience):
            raise NotTaken(f"it is for another audience than {self.audience}")
        if _OF_ID_TOKENS & claims.keys():
            raise NotTaken("it is an ID token; send the access token")
        now, expires = time.time(), seconds_of(claims, "exp")
        if expires is None:
            raise NotTaken("it has no exp")
        if expires <= now:
            raise NotTaken("it has expired")
        if expires > now + self.seconds + SKEW:
            raise NotTaken(f"it is good for longer than {self.seconds} s")
        if any((seconds_of(claims, name) or 0) > now + SKEW for name in ("nbf", "iat")):
            raise NotTaken("it is not good yet")
        return expires

    def _access(self, claims: Mapping[str, Any]) -> Access:
        """Raises NotTaken where it does not say whose it is."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_NAME or not subject.isprintable():
            raise NotTaken("it does not say whose it is (sub)")
        kind, user_id = self._user(claims.get("fhirUser"))
        patient = claims.get("patient")
        patient = patient if isinstance(patient, str) and _ID.fullmatch(patient) else ""
        own = user_id if kind == "Patient" else ""
        grants = grants_of_person(
            scopes_among(_scope(claims)), self.types, cares=kind in _CARING, patient=patient, own=own
        )
        app = claims.get("client_id", claims.get("azp"))
        begun_by = f"{app if isinstance(app, str) else ''} {own or patient}".strip()
        return Access(grants, self.fixed, f"{self.issuer.url}#{subject}", begun_by)

    def _user(self, said: Any) -> tuple[str, str]:
        """Type and id of who it is. A patient of another server is none of ours, whatever the id."""
        found = _REFERENCE.fullmatch(said) if isinstance(said, str) and len(said) <= _LONGEST_NAME else None
        if found is None or (found[2] == "Patient" and found[1] not in (None, self.base)):
            return "", ""
        return found[2], found[3]


def _scope(claims: Mapping[str, Any]) -> str:
    """The scopes with blanks between, whichever way the issuer writes them: `scope` (RFC 9068), else `scp`."""
    said = claims.get("scope", claims.get("scp", ""))
    return " ".join(one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str))
