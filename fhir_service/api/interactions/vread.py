"""One version of one resource (R4 http.html#vread)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.versions import resource_answer
from fhir_service.fhir.errors import NotFound
from fhir_service.fhir.etags import version_number


async def vread(call: Call) -> Answer:
    number = version_number(call.version)
    if number is None:
        raise NotFound(f"{call.type}/{call.id} has no version '{call.version}'; versions are whole numbers")
    return resource_answer(call, await call.repository.vread(call.type, call.id, number, call.access))


VREAD = Interaction(
    code="vread",
    method="GET",
    path="{type}/{id}/_history/{version}",
    handle=vread,
    summary="A version of a resource, the present one or one before",
    headers=("If-None-Match", "If-Modified-Since"),
    answers=(200, 304),
    errors=(404, 410),
    needs=TO_READ,
)
