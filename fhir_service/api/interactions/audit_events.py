"""The accesses to patient data as AuditEvents: read and searched by who may, written by the service alone."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.links import page_address
from fhir_service.api.versions import version_headers
from fhir_service.fhir.audit_events import audit_event
from fhir_service.fhir.bundles import found_entries, searchset
from fhir_service.fhir.errors import NotFound
from fhir_service.search.audit_query import CURSOR, PARAMETERS, AuditQuery, parse_audit_query
from fhir_service.search.query_text import Pairs
from fhir_service.storage.changes import Stored, moment

AUDIT_EVENT = "AuditEvent"


async def read_audit_event(call: Call) -> Answer:
    await _up_to_date(call)
    records, _ = await call.service.repository.accesses.page(_query(call, (("_id", call.id),)))
    if not records:
        raise NotFound(f"there is no {AUDIT_EVENT}/{call.id}")
    return Answer(body=audit_event(records[0]), headers=version_headers(1, moment(records[0].recorded)))


async def search_audit_events(call: Call) -> Answer:
    return await _found(call, call.parameters)


async def search_audit_events_by_form(call: Call) -> Answer:
    return await _found(call, call.parameters + await call.form_body())


async def _found(call: Call, pairs: Pairs) -> Answer:
    await _up_to_date(call)
    query = _query(call, pairs)
    store = call.service.repository.accesses
    links = {"self": page_address(call, "", query.applied)}
    if query.count_only:
        return Answer(body=searchset((), links, await store.count(query)))
    records, after = await store.page(query)
    if after is not None:
        links["next"] = page_address(call, "", query.applied, (CURSOR, str(after)))
    found = [Stored(AUDIT_EVENT, str(one.place), 1, one.recorded, audit_event(one)) for one in records]
    entries = found_entries(call.base, found, "match")
    return Answer(body=searchset(entries, links, len(records) if query.after is None and after is None else None))


def _query(call: Call, pairs: Pairs) -> AuditQuery:
    settings = call.settings
    return parse_audit_query(pairs, default_count=settings.default_page_size, max_count=settings.max_page_size)


async def _up_to_date(call: Call) -> None:
    """What was answered before this call is found by it."""
    if call.service.refusals is not None:
        call.service.refusals.flush()
    if call.service.accesses is not None:
        await call.service.accesses.flush()


_TO_SEARCH = Needs(("s",), whole=True)
_SEARCHED_BY = (*PARAMETERS, "_count")

AUDIT_EVENTS = (
    Interaction(
        code="read",
        method="GET",
        path=f"{AUDIT_EVENT}/{{id}}",
        handle=read_audit_event,
        summary="One access to patient data",
        errors=(403, 404),
        needs=Needs(("r",), whole=True),
    ),
    Interaction(
        code="search-type",
        method="GET",
        path=AUDIT_EVENT,
        handle=search_audit_events,
        summary="Search the accesses to patient data, newest first",
        parameters=_SEARCHED_BY,
        errors=(403,),
        needs=_TO_SEARCH,
    ),
    Interaction(
        code="search-type",
        method="POST",
        path=f"{AUDIT_EVENT}/_search",
        handle=search_audit_events_by_form,
        summary="Search the accesses to patient data, parameters in a form",
        body="form",
        errors=(403, 404, 413, 415),
        needs=_TO_SEARCH,
    ),
)
