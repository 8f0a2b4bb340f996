"""Versions as ETags: `W/"3"` (R4 http.html#versioning, RFC 9110 section 8.8.3)."""

from __future__ import annotations

import re

from fhir_service.fhir.errors import InvalidParameter

_ETAG = re.compile(r'(?:W/)?"(?P<version>[^"]*)"')
_MOST_DIGITS = 15


def etag(version: int) -> str:
    return f'W/"{version}"'


def names_version(if_none_match: str, version: int) -> bool:
    """Whether a list of ETags, or `*`, holds this version. A bare version, as fhirpy sends it, counts as one."""
    sent = if_none_match.strip()
    return sent in ("*", str(version)) or str(version) in _ETAG.findall(sent)


def required_version(if_match: str) -> int | None:
    """The version that If-Match, or `ifMatch` of an entry, demands; None where it is empty.

    Raises InvalidParameter for anything but one ETag. A version that no server gave out is 0, which no resource has.
    """
    if not if_match.strip():
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidParameter(f"If-Match is '{if_match[:80]}'; it has to be the ETag of one version, such as W/\"3\"")
    return version_number(found["version"]) or 0


def version_number(text: str) -> int | None:
    """The version that a version id names; None where this server gave out no such id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
