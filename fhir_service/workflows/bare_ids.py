"""Ids without a type, where several types may be meant: refused where resources of more than one type have that id
(R4 search.html#reference, rest-rules REF-2)."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.search.criteria import IdCriterion
from fhir_service.search.query import MAX_COUNT, BareId, Query, TypeSearch
from fhir_service.storage.repository import Repository


async def require_unambiguous(repository: Repository, bare_ids: Sequence[BareId], access: Access) -> None:
    """Raises InvalidParameter for the first id that resources of several types have."""
    wanted: dict[str, dict[str, None]] = {}
    for bare in bare_ids:
        for kind in bare.types:
            wanted.setdefault(kind, {})[bare.id] = None
    if not wanted:
        return
    searches = tuple(TypeSearch(kind, (IdCriterion(tuple(ids)),)) for kind, ids in wanted.items())
    page = await repository.search(Query(searches, count=MAX_COUNT), access)
    present = {(stored.type, stored.id) for stored in page.matches}
    for bare in bare_ids:
        found = [kind for kind in bare.types if (kind, bare.id) in present]
        if len(found) > 1:
            told = " or ".join(f"{bare.parameter}={kind}/{bare.id}" for kind in found)
            text = f"{bare.parameter}: resources of several types have the id '{bare.id}'; say {told}"
            raise InvalidParameter(text, expression=(f"http.{bare.parameter}",))
