"""The current version of one resource (R4 http.html#read)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.versions import resource_answer


async def read(call: Call) -> Answer:
    return resource_answer(call, await call.repository.read(call.type, call.id, call.access))


READ = Interaction(
    code="read",
    method="GET",
    path="{type}/{id}",
    handle=read,
    summary="The current version of a resource",
    headers=("If-None-Match", "If-Modified-Since"),
    answers=(200, 304),
    errors=(404, 410),
    needs=TO_READ,
)
