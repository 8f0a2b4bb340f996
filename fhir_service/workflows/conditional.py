"""Writes that depend on what a search finds (R4 http.html#ccreate, #cond-update, #cdelete).

The search and the write are one commit: of two that would both find nothing, the second finds what the first made.
"""

from __future__ import annotations

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import EditConflict, MalformedContent, MultipleMatches, PreconditionFailed
from fhir_service.search.condition import type_of
from fhir_service.search.query import Query
from fhir_service.storage.repository import (
    Change,
    Create,
    Delete,
    Outcome,
    Repository,
    Stored,
    Transaction,
    Update,
)


async def create_unless_found(repository: Repository, text: bytes, condition: Query, access: Access) -> Outcome:
    """Store a new resource, or tell which one is there already. Raises MultipleMatches."""
    (ready,) = await repository.prepare([Create(type_of(condition), text)], access)

    async def work(transaction: Transaction) -> Outcome:
        found = await the_match(transaction, condition)
        if found is not None:
            return unchanged(found)
        (outcome,) = await transaction.write([ready])
        return outcome

    return await repository.transact(work, access)


async def update_found(
    repository: Repository,
    text: bytes,
    sent_id: str,
    condition: Query,
    access: Access,
    *,
    if_match: int | None = None,
    if_none_match: str = "",
) -> Outcome:
    """Store a new version of the one match, or a new resource, which gets the id that was sent, if any.

    Raises MultipleMatches, PreconditionFailed, EditConflict where a resource that does not match has the id already,
    MalformedContent where another id was sent than the match has.
    """

    async def work(transaction: Transaction) -> Outcome:
        found = await the_match(transaction, condition)
        key = await updated_key(transaction, type_of(condition), sent_id, found)
        if found is None and if_match is not None:
            raise PreconditionFailed(f"no resource matches, so none is version {if_match}; nothing was written")
        change: Change = Create(type_of(condition), text)
        if key:
            change = Update(type_of(condition), key, text, if_match, if_none_match=if_none_match)
        (outcome,) = await transaction.write([change])
        return outcome

    return await repository.transact(work, access)


async def delete_found(
    repository: Repository, condition: Query, access: Access, *, if_match: int | None = None
) -> Outcome | None:
    """Delete the one match; None where there is none. Raises MultipleMatches, PreconditionFailed."""

    async def work(transaction: Transaction) -> Outcome | None:
        found = await the_match(transaction, condition)
        if found is None:
            if if_match is not None:
                raise PreconditionFailed(f"no resource matches, so none is version {if_match}; nothing was deleted")
            return None
        (outcome,) = await transaction.write([Delete(found.type, found.id, if_match)])
        return outcome

    return await repository.transact(work, access)


async def the_match(transaction: Transaction, condition: Query) -> Stored | None:
    """The one match of a condition, if there is one. Raises MultipleMatches."""
    found = await transaction.find(condition, 2)
    if len(found) > 1:
        raise MultipleMatches(f"several resources of type {type_of(condition)} match; nothing was changed")
    return found[0] if found else None


async def updated_key(transaction: Transaction, resource_type: str, sent_id: str, found: Stored | None) -> str:
    """The id that a conditional update writes; empty where the server chooses one (rest-rules CUPD-1 to CUPD-3)."""
    if found is not None:
        if sent_id and sent_id != found.id:
            text = f"the search finds {resource_type}/{found.id}; the resource has the id {sent_id[:80]!r}"
            raise MalformedContent(text, expression=(f"{resource_type}.id",))
        return found.id
    if sent_id:
        other = await transaction.read(resource_type, sent_id, "u")
        if other is not None and not other.deleted:
            raise EditConflict(
                f"{resource_type}/{sent_id} exists, and the search does not find it; nothing was written"
            )
    return sent_id


def unchanged(found: Stored) -> Outcome:
    """What is told of a resource that was there already."""
    return Outcome(found.type, found.id, found.version, found.last_updated, "unchanged", partition=found.partition)
