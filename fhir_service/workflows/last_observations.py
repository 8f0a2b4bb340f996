"""The newest Observations of each code (R4 observation-operation-lastn.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fhir_service.fhir.access import Access
from fhir_service.fhir.json_text import parse
from fhir_service.search.dates import ranges
from fhir_service.search.query import Cursor, Query
from fhir_service.storage.repository import Repository, Stored

_PAGE = 500
_EFFECTIVE = {
    "effectiveDateTime": "dateTime",
    "effectiveInstant": "instant",
    "effectivePeriod": "Period",
    "effectiveTiming": "Timing",
}


@dataclass(slots=True)
class _Group:
    """Observations of one code, newest first."""

    kept: list[Stored] = field(default_factory=list)
    oldest: int | None = None


async def last_observations(repository: Repository, query: Query, most: int, access: Access) -> list[Stored]:
    """Of what a query finds, newest first, the `most` newest of each code, and those as new as the last of them.

    Two are of one code where they share a coding, or have the same text and no coding. Codes are in the order of their
    newest; what has no time counts as older than all.
    """
    groups: list[_Group] = []
    by_name: dict[str, _Group] = {}
    wanted = replace(query, count=_PAGE)
    while True:
        page = await repository.search(wanted, access)
        for stored in page.matches:
            resource = parse(stored.text)
            _keep(_group(resource, groups, by_name), stored, _newest(resource), most)
        if page.next is None:
            return [stored for group in groups for stored in group.kept]
        wanted = replace(wanted, after=Cursor.read(page.next, wanted.sort))


def _keep(group: _Group, stored: Stored, time: int | None, most: int) -> None:
    if len(group.kept) < most:
        group.kept.append(stored)
        group.oldest = time
    elif time is not None and time == group.oldest:
        group.kept.append(stored)


def _group(resource: Mapping[str, Any], groups: list[_Group], by_name: dict[str, _Group]) -> _Group:
    """The group that one of its names is known in, else a new one; from now on all of them are."""
    names = list(_names(resource.get("code")))
    found = next((by_name[name] for name in names if name in by_name), None)
    if found is None:
        found = _Group()
        groups.append(found)
    for name in names:
        by_name.setdefault(name, found)
    return found


def _names(code: Any) -> Iterator[str]:
    held = code if isinstance(code, dict) else {}
    codings = [entry for entry in held.get("coding") or () if isinstance(entry, dict) and entry.get("code")]
    for entry in codings:
        yield f"{entry.get('system', '')}|{entry['code']}"
    if not codings:
        yield f"text {' '.join(str(held.get('text', '')).casefold().split())}"


def _newest(resource: Mapping[str, Any]) -> int | None:
    """The end of its time, by which it was sorted."""
    found = [
        found.high
        for member, kind in _EFFECTIVE.items()
        if member in resource
        for found in ranges(kind, resource[member])
    ]
    return max(found, default=None)
