"""A new version of a resource under the id of the URL, its first one included (R4 http.html#update)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.written import written_answer
from fhir_service.fhir.etags import required_version
from fhir_service.workflows.accept_resource import update_resource


async def update(call: Call) -> Answer:
    if_match = required_version(call.header(b"if-match"))
    text = await call.resource_body()
    outcome = await update_resource(call.repository, call.type, call.id, text, if_match=if_match, access=call.access)
    return await written_answer(call, outcome)


UPDATE = Interaction(
    code="update",
    method="PUT",
    path="{type}/{id}",
    handle=update,
    summary="Update a resource, or create it under this id",
    body="resource",
    headers=("If-Match", "Prefer"),
    answers=(200, 201),
    errors=(404, 412, 413, 415),
)
