"""A value set with its expansion: the codes it stands for, narrowed by words and cut into pages (R4 valueset.html)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.terminology.errors import TooManyCodes
from fhir_service.terminology.value_sets import Member, Members

MOST_CODES = 10_000
"""Codes in one answer."""
_NAMESPACE = uuid.UUID("5f3c1a52-2b9e-5c55-9f6d-8f1f4f0a9f53")
_LEFT_OUT = frozenset({"compose", "expansion", "text", "contained"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of an expansion is asked for. `filter` are words of which each must begin a word of the code or of what it
    is called; without `count` all codes from `offset` on."""

    filter: str = ""
    offset: int = 0
    count: int | None = None
    designations: bool = False
    definition: bool = False
    active_only: bool = False
    for_ui: bool = False
    excluded_systems: frozenset[str] = frozenset()
    parameters: tuple[tuple[str, str, Any], ...] = ()
    """Name, kind (such as `valueString`) and value of each parameter that shaped it, to be told with it."""


def expansion(resource: Mapping[str, Any], members: Members, wanted: Wanted, timestamp: str) -> dict[str, Any]:
    """The ValueSet with the expansion that is wanted; `total` counts all pages, `timestamp` is a dateTime.

    Raises TooManyCodes for more than one answer may have.
    """
    found = [member for member in members.values() if _is_wanted(member, wanted)]
    last = None if wanted.count is None else wanted.offset + wanted.count
    page = found[wanted.offset : last]
    if len(page) > MOST_CODES:
        text = f"these are {len(page)} codes, and one answer has at most {MOST_CODES}: ask with count and offset"
        raise TooManyCodes(text)
    kept = {name: value for name, value in resource.items() if name not in _LEFT_OUT}
    if wanted.definition and "compose" in resource:
        kept["compose"] = resource["compose"]
    written: dict[str, Any] = {
        "identifier": f"urn:uuid:{_identity(resource, found, wanted)}",
        "timestamp": timestamp,
        "total": len(found),
    }
    if wanted.count is not None or wanted.offset:
        written["offset"] = wanted.offset
    if wanted.parameters:
        written["parameter"] = [{"name": name, kind: value} for name, kind, value in wanted.parameters]
    if page:
        written["contains"] = [_contains(member, wanted) for member in page]
    return {"resourceType": "ValueSet", "status": "active", **kept, "expansion": written}


def _is_wanted(member: Member, wanted: Wanted) -> bool:
    return (
        member.system not in wanted.excluded_systems
        and not (wanted.active_only and member.inactive)
        and not (wanted.for_ui and member.abstract)
        and _has_words(member, wanted.filter.casefold().split())
    )


def _has_words(member: Member, wanted: Sequence[str]) -> bool:
    """Whether each wanted word begins a word of the code or of what it is called."""
    text = " ".join((member.code, *member.words)).casefold()
    words = [text, *"".join(c if c.isalnum() else " " for c in text).split(), *text.split()]
    return all(any(word.startswith(start) for word in words) for start in wanted)


def _contains(member: Member, wanted: Wanted) -> dict[str, Any]:
    written: dict[str, Any] = {"system": member.system}
    if member.abstract:
        written["abstract"] = True
    if member.inactive:
        written["inactive"] = True
    if member.version:
        written["version"] = member.version
    written["code"] = member.code
    if member.display:
        written["display"] = member.display
    if wanted.designations and member.designations:
        written["designation"] = [dict(entry) for entry in member.designations]
    return written


def _identity(resource: Mapping[str, Any], found: Sequence[Member], wanted: Wanted) -> uuid.UUID:
    """The same for the same codes in the same order, on every page of them."""
    codes = "\n".join(f"{member.system}|{member.version}|{member.code}" for member in found)
    return uuid.uuid5(_NAMESPACE, f"{resource.get('url')}|{resource.get('version')}\n{wanted.filter}\n{codes}")
