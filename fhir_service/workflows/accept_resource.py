"""One resource that somebody sent: read strictly, checked, stored as the bytes it came in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Issue, MalformedContent
from fhir_service.formats.subsets import is_subsetted
from fhir_service.search.condition import type_of
from fhir_service.search.query import Query
from fhir_service.storage.repository import Create, Outcome, Repository, Update
from fhir_service.validation.json_text import read_json
from fhir_service.validation.resource_findings import refusal
from fhir_service.workflows.conditional import create_unless_found, update_found
from fhir_service.workflows.write_checks import LARGE, R4_ALONE, WriteChecks

T = TypeVar("T")


async def create_resource(
    repository: Repository,
    resource_type: str,
    text: bytes,
    access: Access,
    *,
    unless: Query | None = None,
    checks: WriteChecks = R4_ALONE,
) -> Outcome:
    """Store a new resource under an id of the server's (R4 http.html#create); an id that was sent is not kept. Nothing
    is stored where `unless` finds one.

    Raises MalformedContent or UnprocessableContent with everything that is wrong, MultipleMatches.
    """
    value = await _checked(repository, text, (resource_type, None), access, checks)
    if unless is not None:
        return await create_unless_found(repository, text, unless, access)
    (outcome,) = await repository.commit([Create(resource_type, text, value=value)], access)
    return outcome


async def update_resource(
    repository: Repository,
    resource_type: str,
    resource_id: str,
    text: bytes,
    *,
    if_match: int | None,
    if_none_match: str = "",
    access: Access,
    checks: WriteChecks = R4_ALONE,
) -> Outcome:
    """Store a new version of a resource, its first one included (R4 http.html#update).

    Raises MalformedContent or UnprocessableContent with everything that is wrong, PreconditionFailed where `if_match`
    is not the current version or `if_none_match` has it.
    """
    value = await _checked(repository, text, (resource_type, resource_id), access, checks)
    change = Update(resource_type, resource_id, text, if_match, if_none_match=if_none_match, value=value)
    (outcome,) = await repository.commit([change], access)
    return outcome


async def update_where(
    repository: Repository,
    condition: Query,
    text: bytes,
    *,
    if_match: int | None,
    if_none_match: str = "",
    access: Access,
    checks: WriteChecks = R4_ALONE,
) -> Outcome:
    """Store a new version of the resource that a search finds (R4 http.html#cond-update).

    Raises MalformedContent or UnprocessableContent with everything that is wrong, and as `update_found`.
    """
    resource = await _checked(repository, text, (type_of(condition), None), access, checks)
    if issues := part_issues(resource, type_of(condition)):
        raise MalformedContent("a part is not stored", issues=issues)
    sent_id = str(resource.get("id", ""))
    return await update_found(
        repository, text, sent_id, condition, access, if_match=if_match, if_none_match=if_none_match
    )


async def _checked(
    repository: Repository, text: bytes, wanted: tuple[str, str | None], access: Access, checks: WriteChecks
) -> dict[str, Any]:
    """The value of a resource that has the type, and id, that are `wanted`, and stands all checks. Raises as
    `check_resource`."""
    resource = await checks.run(len(text), lambda: check_resource(text, *wanted, checks))
    missing = await checks.missing(repository, resource, access)
    if any(issue.severity == "error" for issue in missing):
        raise refusal("the resource is not valid", missing)
    return resource


def check_resource(
    text: bytes, resource_type: str, resource_id: str | None = None, checks: WriteChecks = R4_ALONE
) -> dict[str, Any]:
    """The value of a resource. Raises MalformedContent unless it is one of that type, and of that id where one is
    given; UnprocessableContent where it is one that breaks a rule of R4."""
    resource = read_json(text)
    issues = identity_issues(resource, resource_type, resource_id)
    issues += checks.errors(resource, text)
    if issues:
        raise refusal("the resource is not valid", issues)
    found: dict[str, Any] = resource
    return found


def identity_issues(resource: Any, resource_type: str, resource_id: str | None = None) -> list[Issue]:
    """Whether a resource is of the type, and has the id, that its URL says; what is no resource at all passes here."""
    if not isinstance(resource, dict):
        return []
    issues = []
    sent_type = resource.get("resourceType")
    if isinstance(sent_type, str) and sent_type != resource_type:
        text = f"the resource is of type {sent_type[:80]}, the URL of type {resource_type}"
        issues.append(Issue("error", "invalid", text, (resource_type,), "http.type"))
    if resource_id is not None and resource.get("id") != resource_id:
        sent = f"is {str(resource['id'])[:80]!r}" if "id" in resource else "is missing"
        text = f"the id of the resource {sent}, the URL says {resource_id[:80]!r}"
        issues.append(Issue("error", "value", text, (f"{resource_type}.id",), "http.id"))
    return issues if resource_id is None else issues + part_issues(resource, resource_type)


def part_issues(resource: dict[str, Any], resource_type: str) -> list[Issue]:
    """A part that a read gave must not replace the whole: that is what its tag is for (search.html#summary)."""
    if not is_subsetted(resource):
        return []
    text = "the resource is tagged SUBSETTED: it is a part, as _summary and _elements give it; send the whole"
    return [Issue("error", "business-rule", text, (f"{resource_type}.meta.tag",), "http.subsetted")]


async def in_thread_if_large(size: int, work: Callable[[], T]) -> T:
    """`work()`, in a thread where `size` bytes would hold up the requests beside it."""
    return await asyncio.to_thread(work) if size > LARGE else work()
