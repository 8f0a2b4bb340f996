"""A new resource under an id of the server's (R4 http.html#create)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.written import written_answer
from fhir_service.fhir.errors import UnsupportedParameter
from fhir_service.workflows.accept_resource import create_resource


async def create(call: Call) -> Answer:
    if call.header(b"if-none-exist"):
        raise UnsupportedParameter("If-None-Exist (conditional create) is not supported; nothing was created")
    text = await call.resource_body()
    return await written_answer(call, await create_resource(call.repository, call.type, text, call.access))


CREATE = Interaction(
    code="create",
    method="POST",
    path="{type}",
    handle=create,
    summary="Create a resource; the server chooses its id",
    body="resource",
    headers=("Prefer",),
    answers=(201,),
    errors=(404, 413, 415),
)
