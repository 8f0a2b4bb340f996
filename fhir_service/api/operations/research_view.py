"""Adverse events in the form of clinical research: one, those of a patient, or all, page by page."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ, TO_SEARCH, require
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.links import page_address
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.json_text import encode
from fhir_service.search.query import parse_query
from fhir_service.workflows.bare_ids import require_unambiguous
from fhir_service.workflows.project_research_events import DOCUMENT, EVENT, project_found, project_stored

INPUTS = (
    Input("patient", "String", "Whose events: id of the patient, or `Patient/id`; those of all without it"),
    Input("_count", "Integer", "Most events on a page"),
    Input("_cursor", "String", "Where the page begins; taken from a `next` link"),
)


async def research_view(call: Call) -> Answer:
    """The page of those a patient has, or of all. Raises InvalidParameter, UnsupportedParameter."""
    _require_documents(call)
    asked = await operation_input(call, INPUTS)
    applied = tuple((entry.name, str(value)) for entry in INPUTS for value in asked.values(entry.name))
    query = parse_query(
        EVENT,
        applied,
        base=call.base,
        terminology=call.service.terminology,
        served=call.service.types,
        default_count=call.settings.default_page_size,
        max_count=call.settings.max_page_size,
    )
    await require_unambiguous(call.repository, query.bare_ids, call.access)
    page = await project_found(call.repository, query, call.access, address=call.base, base=call.settings.base)
    links = {"self": page_address(call, "$research-view", applied)}
    if page.next is not None:
        kept = tuple(pair for pair in applied if pair[0] != "_cursor")
        links["next"] = page_address(call, "$research-view", kept, ("_cursor", page.next))
    told = [{"relation": relation, "url": url} for relation, url in links.items()]
    return Answer(body=encode({"resourceType": "Bundle", "type": "collection", "link": told, **page.bundle}))


async def research_view_of_one(call: Call) -> Answer:
    """One event. Raises NotFound, Gone, UnsupportedParameter."""
    _require_documents(call)
    await operation_input(call, ())
    found = await project_stored(call.repository, call.id, call.access, address=call.base, base=call.settings.base)
    return Answer(body=encode(found))


def _require_documents(call: Call) -> None:
    """An event whose document was entered in error must not look sound to who may not see the document."""
    require(call.access, "r", DOCUMENT, whole=True)


RESEARCH_VIEW = Interaction(
    code="research-view",
    definition=f"{DEFAULT_BASE}/OperationDefinition/adverse-event-research-view",
    method="GET",
    path="{type}/$research-view",
    types=frozenset({EVENT}),
    handle=research_view,
    summary="Adverse events in the form of clinical research, and which rules the others miss",
    inputs=INPUTS,
    errors=(404, 422),
    needs=TO_SEARCH,
)
_OF_ONE = replace(
    RESEARCH_VIEW,
    path="{type}/{id}/$research-view",
    handle=research_view_of_one,
    inputs=(),
    errors=(404, 410, 422),
    needs=TO_READ,
)
RESEARCH_VIEWS = (
    RESEARCH_VIEW,
    replace(RESEARCH_VIEW, method="POST", body="parameters", errors=(404, 413, 415, 422)),
    _OF_ONE,
    replace(_OF_ONE, method="POST", body="parameters", errors=(404, 410, 413, 415, 422)),
)
