"""A resource changed in part: the current version, patched, checked, and stored as the next (R4 http.html#patch)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import (
    EditConflict,
    FhirError,
    Forbidden,
    Gone,
    Issue,
    MalformedContent,
    MultipleMatches,
    NotFound,
    PreconditionFailed,
    UnprocessableContent,
    UnsupportedMediaType,
)
from fhir_service.fhir.json_text import encode, members, minified, parse
from fhir_service.fhir.parameters import read_parameters
from fhir_service.patching.fhirpath_patch import fhirpath_patch
from fhir_service.patching.json_patch import json_patch
from fhir_service.patching.merge_patch import merge_patch
from fhir_service.patching.xml_patch import xml_patch
from fhir_service.search.condition import type_of
from fhir_service.search.query import Query
from fhir_service.storage.repository import Outcome, Repository, Stored, Transaction, Update
from fhir_service.validation.json_text import read_json
from fhir_service.validation.structure import findings
from fhir_service.workflows.write_checks import R4_ALONE, WriteChecks

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
XML_PATCH = "application/xml-patch+xml"
FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, XML_PATCH, FHIR_JSON, FHIR_XML, "application/json")
_TRIES = 3
"""Before a patch without If-Match keeps the other writers waiting while it is applied."""
_PER_OPERATION = 1000
"""Bytes of a resource that take as long as one operation."""
_NO_DATA = frozenset({"id", "meta", "text", "implicitRules", "language"})
"""Members that a narrative says nothing of."""
_MADE_OF_DATA = frozenset({"generated", "extensions"})
_NOTHING_SAID = "empty"


class Patch(Protocol):
    """What to change. One patch can be applied to any number of resources."""

    @property
    def size(self) -> int:
        """How many operations it has."""

    def applied(self, resource: dict[str, Any]) -> Any:
        """The resource afterwards; the one that was given is used up. Raises UnprocessableContent."""


def read_patch(media_type: str, body: bytes) -> Patch:
    """The patch in a body of that media type (lower case, without parameters); of FHIR XML the JSON that says the same.

    `application/json` may hold any kind: an array is a JSON Patch, a Parameters resource a FHIRPath Patch, any other
    object a merge patch. Raises MalformedContent, UnsupportedMediaType.
    """
    if media_type not in PATCH_TYPES:
        text = f"Content-Type is '{media_type[:80]}'; a patch is one of {', '.join(PATCH_TYPES)}"
        raise UnsupportedMediaType(text)
    if media_type == XML_PATCH:
        return xml_patch(body)
    document = read_json(body)
    is_parameters = isinstance(document, dict) and document.get("resourceType") == "Parameters"
    if media_type in (FHIR_JSON, FHIR_XML) or (media_type == "application/json" and is_parameters):
        return _fhirpath_patch(body, document)
    if media_type == JSON_PATCH or (media_type == "application/json" and isinstance(document, list)):
        return json_patch(document)
    return merge_patch(document)


def patched(current: bytes, patch: Patch, checks: WriteChecks = R4_ALONE) -> bytes:
    """The text of a resource after the patch, checked like an update. Top-level members that are the same afterwards
    keep their bytes.

    A generated narrative that the patch leaves as it was is dropped, since it no longer says what the data say; one
    with more in it than the data has to be patched too (R4 http.html#patch).

    Raises UnprocessableContent where the patch cannot be applied, or what it makes is not valid.
    """
    before = parse(current)
    after = patch.applied(parse(current))
    if not isinstance(after, dict):
        raise UnprocessableContent("the patch leaves no resource; to delete it, use DELETE")
    _keep_identity(before, after)
    _keep_narrative_safe(before, after)
    text = _text(current, before, after)
    _check(text, checks)
    return text


async def patch_resource(
    repository: Repository,
    resource_type: str,
    resource_id: str,
    patch: Patch,
    *,
    if_match: int | None,
    access: Access,
    checks: WriteChecks = R4_ALONE,
) -> Outcome:
    """Patch the current version and store the result as the next one; a patch that changes nothing makes no version.

    Without `if_match` a version that somebody stores meanwhile is patched instead. Raises Forbidden, NotFound, Gone,
    PreconditionFailed where `if_match` is not the current version, UnprocessableContent.
    """
    _refuse_unread(resource_type, access)

    async def current() -> Stored:
        return await repository.read(resource_type, resource_id, access, "r", "u")

    async def store(change: Update) -> Outcome:
        (outcome,) = await repository.commit([change], access)
        return outcome

    async def at_once(transaction: Transaction) -> Outcome:
        return await _patch_in(transaction, await to_patch(transaction, resource_type, resource_id), patch, checks)

    done = await _patch_stored(current, store, patch, if_match, checks)
    return done if done is not None else await repository.transact(at_once, access)


async def to_patch(transaction: Transaction, resource_type: str, resource_id: str) -> Stored:
    """The current version. Raises Forbidden, NotFound, Gone."""
    _refuse_unread(resource_type, transaction.access)
    current = await transaction.read(resource_type, resource_id, "r", "u")
    if current is None:
        raise NotFound(f"there is no {resource_type}/{resource_id}")
    if current.deleted:
        raise Gone(f"{resource_type}/{resource_id} was deleted; a patch needs something to change")
    return current


async def patch_found_resource(
    repository: Repository,
    condition: Query,
    patch: Patch,
    *,
    if_match: int | None,
    access: Access,
    checks: WriteChecks = R4_ALONE,
) -> Outcome:
    """Patch the one resource that a search finds (R4 http.html#patch, conditional patch); when it is written, it still
    is the one.

    Raises NotFound where the search finds none, MultipleMatches, and as `patch_resource`.
    """
    _refuse_unread(type_of(condition), access)

    async def current() -> Stored:
        found = _only((await repository.search(replace(condition, count=2), access)).matches, condition)
        return await repository.read(found.type, found.id, access, "r", "u")

    async def store(change: Update) -> Outcome:
        async def work(transaction: Transaction) -> Outcome:
            found = _only(await transaction.find(condition, 2), condition)
            if (found.id, found.version) != (change.id, change.if_match):
                raise EditConflict("what the search finds has changed meanwhile")
            (outcome,) = await transaction.write([change])
            return outcome

        return await repository.transact(work, access)

    async def at_once(transaction: Transaction) -> Outcome:
        found = _only(await transaction.find(condition, 2), condition)
        return await _patch_in(transaction, await to_patch(transaction, found.type, found.id), patch, checks)

    done = await _patch_stored(current, store, patch, if_match, checks)
    return done if done is not None else await repository.transact(at_once, access)


def _refuse_unread(resource_type: str, access: Access) -> None:
    """A patch can ask what is there (`test`), copy it, and is told what is wrong with it. Raises Forbidden."""
    if not access.may("r", resource_type):
        raise Forbidden(f"a patch depends on what is there: it needs leave to read {resource_type} too")


async def _patch_stored(
    current: Callable[[], Awaitable[Stored]],
    store: Callable[[Update], Awaitable[Outcome]],
    patch: Patch,
    if_match: int | None,
    checks: WriteChecks,
) -> Outcome | None:
    """None where others were always quicker."""
    for _ in range(_TRIES):
        found = await current()
        if if_match is not None and found.version != if_match:
            raise PreconditionFailed(f"If-Match names version {if_match}; {found.version} is the current one")
        change = await _patch_of(found, patch, checks)
        try:
            return await store(change)
        except (PreconditionFailed, EditConflict):
            if if_match is not None:
                raise
    return None


async def _patch_in(transaction: Transaction, found: Stored, patch: Patch, checks: WriteChecks) -> Outcome:
    (outcome,) = await transaction.write([await _patch_of(found, patch, checks)])
    return outcome


async def _patch_of(found: Stored, patch: Patch, checks: WriteChecks) -> Update:
    size = len(found.text) + patch.size * _PER_OPERATION
    text = await checks.run(size, lambda: patched(found.text, patch, checks))
    return Update(found.type, found.id, text, found.version, if_changed=True)


def _only(found: Sequence[Stored], condition: Query) -> Stored:
    kind = type_of(condition)
    if not found:
        raise NotFound(f"no {kind} matches the search; nothing was changed")
    if len(found) > 1:
        raise MultipleMatches(f"several resources of type {kind} match the search; nothing was changed")
    return found[0]


def _fhirpath_patch(body: bytes, document: Any) -> Patch:
    issues = [issue for issue in findings(document) if issue.severity in ("error", "fatal")]
    if issues:
        raise MalformedContent("the patch is no valid Parameters resource", issues=issues)
    return fhirpath_patch(read_parameters(body))


def _keep_identity(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name in ("resourceType", "id"):
        if after.get(name) != before.get(name):
            text = f"a patch may not change the {name}, which is {before.get(name)!r}"
            raise UnprocessableContent(text, expression=(f"{before.get('resourceType')}.{name}",))


def _keep_narrative_safe(before: dict[str, Any], after: dict[str, Any]) -> None:
    narrative = before.get("text")
    if narrative is None or not _same(narrative, after.get("text")) or not _data_differ(before, after):
        return
    status = narrative.get("status")
    if status in _MADE_OF_DATA:
        del after["text"]
    elif status != _NOTHING_SAID:
        text = f"the narrative has status {status}: it may say what the patch makes untrue; patch text as well"
        raise UnprocessableContent(text, expression=(f"{before['resourceType']}.text",))


def _data_differ(before: dict[str, Any], after: dict[str, Any]) -> bool:
    names = {name for name in (*before, *after) if name.removeprefix("_") not in _NO_DATA}
    return any(not _same(before.get(name), after.get(name)) for name in names)


def _same(left: Any, right: Any) -> bool:
    """Equal to the digit: 1.0 is not 1.00."""
    return left is right or (left == right and encode(left) == encode(right))


def _text(current: bytes, before: dict[str, Any], after: dict[str, Any]) -> bytes:
    slices = members(minified(current), frozenset())
    parts = []
    for name, value in after.items():
        kept = name in slices and _same(before[name], value)
        parts.append(b"%b:%b" % (encode(name), slices[name] if kept else _encoded(value)))
    return b"{%b}" % b",".join(parts)


def _encoded(value: Any) -> bytes:
    try:
        return encode(value)
    except RecursionError:
        raise UnprocessableContent("the patch nests values too deep") from None


def _check(text: bytes, checks: WriteChecks) -> None:
    try:
        resource = read_json(text)
    except MalformedContent as error:
        raise _not_valid(error.issues) from None
    if issues := checks.errors(resource, text):
        raise _not_valid(issues)


def _not_valid(issues: Sequence[Issue]) -> FhirError:
    return UnprocessableContent("what the patch makes is not valid", issues=issues)
