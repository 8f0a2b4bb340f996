"""The end of a resource; its versions stay readable (R4 http.html#delete)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.versions import version_headers
from fhir_service.api.written import outcome_text
from fhir_service.fhir.etags import required_version
from fhir_service.storage.repository import Delete


async def delete(call: Call) -> Answer:
    """The same answer whether it was there or not: afterwards it is not (rest-rules DEL-1)."""
    if_match = required_version(call.header(b"if-match"))
    (outcome,) = await call.repository.commit([Delete(call.type, call.id, if_match)], call.access)
    headers = version_headers(outcome.version, outcome.last_updated) if outcome.action == "deleted" else ()
    if call.preferences.returned == "OperationOutcome":
        return Answer(200, outcome_text(outcome), headers)
    return Answer(204, headers=headers)


DELETE = Interaction(
    code="delete",
    method="DELETE",
    path="{type}/{id}",
    handle=delete,
    summary="Delete a resource",
    headers=("If-Match", "Prefer"),
    answers=(200, 204),
    errors=(404, 412),
)
