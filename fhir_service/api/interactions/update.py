"""A new version of a resource, its first one included, under the id of the URL or where its search finds one
(R4 http.html#update)."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.written import written_answer
from fhir_service.fhir.etags import required_version
from fhir_service.workflows.accept_resource import update_resource, update_where


async def update(call: Call) -> Answer:
    return await updated(call, await call.resource_body())


async def updated(call: Call, text: bytes) -> Answer:
    """The answer to an update with that text."""
    if_match = required_version(call.header(b"if-match"))
    outcome = await update_resource(
        call.repository,
        call.type,
        call.id,
        text,
        if_match=if_match,
        if_none_match=call.header(b"if-none-match"),
        access=call.access,
        checks=await call.checks_of(text),
    )
    return await written_answer(call, outcome)


async def update_by_search(call: Call) -> Answer:
    if_match = required_version(call.header(b"if-match"))
    condition = call.condition(call.type, call.query)
    text = await call.resource_body()
    outcome = await update_where(
        call.repository,
        condition,
        text,
        if_match=if_match,
        if_none_match=call.header(b"if-none-match"),
        access=call.access,
        checks=await call.checks_of(text),
    )
    return await written_answer(call, outcome)


UPDATE = Interaction(
    code="update",
    method="PUT",
    path="{type}/{id}",
    handle=update,
    summary="Update a resource, or create it under this id",
    body="resource",
    headers=("If-Match", "If-None-Match", "Prefer"),
    answers=(200, 201),
    errors=(404, 412, 413, 415),
    needs=Needs(("u",)),
)
UPDATE_FOUND = replace(
    UPDATE,
    path="{type}",
    handle=update_by_search,
    summary="Update the one resource that the search in the URL finds, or create one where it finds none",
    errors=(404, 409, 412, 413, 415),
    needs=Needs(("u", "s")),
)
