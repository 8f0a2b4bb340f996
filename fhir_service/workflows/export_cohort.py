"""The patients of a Group, for an export of them: those it lists, those that its filters find, or both."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import UnprocessableContent
from fhir_service.fhir.json_text import parse
from fhir_service.search.criteria import AnyCriterion, IdCriterion
from fhir_service.search.cursor import Cursor
from fhir_service.search.query import Query, TypeSearch
from fhir_service.storage.repository import Repository
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.cohort_group import FILTER, cohort_criteria, cohort_filters
from fhir_service.workflows.export_request import ExportRequest

_ENTITY = re.compile(r"(?:.*/)?(Patient|Group)/([A-Za-z0-9\-.]{1,64})(?:/_history/.*)?")
_PAGE = 1000
_DEEPEST = 5
"""Groups of Groups."""


async def patients_listed(
    repository: Repository, group_id: str, access: Access, depth: int = 0
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Ids of the patients that a Group lists, itself or by Groups that it lists, None where any may belong to it; and
    the searches that find who of them does.

    Raises NotFound, Gone, and UnprocessableContent for one that says neither: a cohort that a report speaks of
    describes patients and names none, and what it describes is not the patients of this store.
    """
    stored = await repository.read("Group", group_id, access)
    group = await in_thread_if_large(len(stored.text), lambda: parse(stored.text))
    filters = cohort_filters(group)
    if any(one.get("url") != FILTER for one in group.get("modifierExtension", ())):
        raise _refused("its modifierExtension may change who belongs to it", "modifierExtension")
    if group.get("type") != "person":
        raise _refused("its members are no patients", "type")
    if filters and depth:
        raise _refused("it lists a Group by criteria", "member.entity")
    if filters and not group.get("member"):
        return None, filters
    if group.get("actual") is not True:
        raise _refused("it describes patients (actual is false) and lists none", "actual")
    found: set[str] = set()
    for kind, member in _members(group):
        if kind == "Patient":
            found.add(member)
        elif depth == _DEEPEST:
            raise _refused("it lists Groups that list Groups, too deep", "member.entity")
        else:
            found.update((await patients_listed(repository, member, access, depth + 1))[0] or ())
    return tuple(sorted(found)), filters


def _members(group: dict[str, Any]) -> list[tuple[str, str]]:
    members = [one for one in group.get("member", ()) if not one.get("inactive")]
    found = [_ENTITY.fullmatch(str(one.get("entity", {}).get("reference", ""))) for one in members]
    if not all(found):
        raise _refused("it has members that are not given as a reference to a Patient or a Group", "member.entity")
    if not members:
        raise _refused("it lists no members", "member")
    return [(match[1], match[2]) for match in found if match is not None]


async def cohort_members(
    repository: Repository, request: ExportRequest, wanted: tuple[str, ...] | None = None, place: int | None = None
) -> tuple[str, ...]:
    """Ids of the patients whom all filters of a request find now; of `wanted` only, or of those that it lists. With a
    `place` nothing is missing that was committed before it."""
    criteria = tuple(cohort_criteria(search, request.base) for search in request.cohort)
    listed = request.patients if wanted is None else wanted
    if listed is None:
        return tuple(sorted([one async for one in _found(repository, request, criteria, place)]))
    found: list[str] = []
    for start in range(0, len(listed), _PAGE):
        some = IdCriterion(listed[start : start + _PAGE])
        found += [one async for one in _found(repository, request, (some, *criteria), place)]
    return tuple(sorted(found))


async def _found(
    repository: Repository, request: ExportRequest, criteria: tuple[AnyCriterion, ...], place: int | None
) -> AsyncIterator[str]:
    """As far as the client may find them."""
    access = Access(request.grants)
    query = Query((TypeSearch("Patient", criteria),), count=_PAGE)
    while True:
        page = await repository.search(query, access, place)
        for stored in page.matches:
            yield stored.id
        if page.next is None:
            return
        query = replace(query, after=Cursor.read(page.next, query.sort))


def _refused(reason: str, place: str) -> UnprocessableContent:
    return UnprocessableContent(f"this Group cannot be exported: {reason}", expression=(f"Group.{place}",))
