"""What happened to a resource, to those of a type, or to all of them (R4 http.html#history)."""

from __future__ import annotations

from collections.abc import Collection

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ, TO_SEARCH, Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.links import page_address
from fhir_service.api.preferences import refused_if_strict
from fhir_service.fhir.bundles import HistoryEntry, history_bundle
from fhir_service.fhir.etags import etag
from fhir_service.fhir.json_text import instant
from fhir_service.search.history_query import CURSOR, HistoryQuery, history_cursor, parse_history
from fhir_service.storage.repository import HistoryPage, Key, Version


async def history(call: Call) -> Answer:
    """Of all types that are served, of one type, or of one resource, by what the path names."""
    query = parse_history(
        call.parameters,
        default_count=call.settings.default_page_size,
        max_count=call.settings.max_page_size,
    )
    refused_if_strict(call.preferences, query.ignored)
    key = (call.type, call.id) if call.id else None
    types = (call.type,) if call.type else call.service.types
    links = {"self": page_address(call, "_history", query.applied)}
    page = await call.repository.history(query, call.access, types=types, key=key)  # 404 where there is nothing
    total = await _total(call, query, page, types, key)
    if query.count_only:
        return Answer(body=history_bundle((), links, total))
    if page.next is not None:
        kept = tuple(pair for pair in query.applied if pair[0] != CURSOR)
        links["first"] = page_address(call, "_history", kept)
        links["next"] = page_address(call, "_history", kept, (CURSOR, history_cursor(page.next)))
    return Answer(body=history_bundle([_entry(call, version) for version in page.versions], links, total))


async def _total(
    call: Call, query: HistoryQuery, page: HistoryPage, types: Collection[str], key: Key | None
) -> int | None:
    """Of one resource always; of many only on demand, or where the first page is all there is: counting them takes as
    long as reading them."""
    if query.after is None and page.next is None and not query.count_only:
        return len(page.versions)
    if key is not None or query.count_only or query.with_total:
        return await call.repository.history_total(query, call.access, types=types, key=key)
    return None


def _entry(call: Call, version: Version) -> HistoryEntry:
    stored = version.stored
    address = f"{stored.type}/{stored.id}"
    status = "204 No Content" if stored.deleted else "201 Created" if version.created else "200 OK"
    return HistoryEntry(
        full_url=f"{call.base}/{address}",
        text=stored.text,
        method=version.method,
        url=stored.type if version.method == "POST" else address,
        status=status,
        etag=etag(stored.version),
        last_modified=instant(stored.milliseconds),
    )


_PARAMETERS = ("_since", "_at", "_count", "_total", "_cursor")
HISTORY_INSTANCE = Interaction(
    code="history-instance",
    method="GET",
    path="{type}/{id}/_history",
    handle=history,
    summary="What happened to a resource, newest first",
    parameters=_PARAMETERS,
    headers=("Prefer",),
    errors=(404,),
    needs=TO_READ,
)
HISTORY_TYPE = Interaction(
    code="history-type",
    method="GET",
    path="{type}/_history",
    handle=history,
    summary="What happened to the resources of a type, newest first",
    parameters=_PARAMETERS,
    headers=("Prefer",),
    errors=(404,),
    needs=TO_SEARCH,
)
HISTORY_SYSTEM = Interaction(
    code="history-system",
    method="GET",
    path="_history",
    handle=history,
    summary="What happened to all resources, newest first",
    parameters=_PARAMETERS,
    headers=("Prefer",),
    needs=Needs(("s",), of="some"),
)
