"""The end of a resource; its versions stay readable (R4 http.html#delete)."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer, Headers
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.versions import version_headers
from fhir_service.api.written import outcome_text
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.etags import required_version
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.repository import Delete, Outcome
from fhir_service.workflows.conditional import delete_found


async def delete(call: Call) -> Answer:
    """The same answer whether it was there or not: afterwards it is not (rest-rules DEL-1)."""
    if_match = required_version(call.header(b"if-match"))
    (outcome,) = await call.repository.commit([Delete(call.type, call.id, if_match)], call.access)
    return _answer(call, outcome)


async def delete_by_search(call: Call) -> Answer:
    """Nothing found is answered as something deleted; several are refused (rest-rules CDEL-1)."""
    if_match = required_version(call.header(b"if-match"))
    condition = call.condition(call.type, call.query)
    return _answer(call, await delete_found(call.repository, condition, call.access, if_match=if_match))


def _answer(call: Call, outcome: Outcome | None) -> Answer:
    headers: Headers = ()
    if outcome is not None and outcome.action == "deleted":
        headers = version_headers(outcome.version, outcome.last_updated)
    if call.preferences.returned != "OperationOutcome":
        return Answer(204, headers=headers)
    nothing = outcome_bytes([Issue("information", "informational", f"no {call.type} matches; nothing was deleted")])
    return Answer(200, nothing if outcome is None else outcome_text(outcome), headers)


DELETE = Interaction(
    code="delete",
    method="DELETE",
    path="{type}/{id}",
    handle=delete,
    summary="Delete a resource",
    headers=("If-Match", "Prefer"),
    answers=(200, 204),
    errors=(404, 412),
    needs=Needs(("d",)),
)
DELETE_FOUND = replace(
    DELETE,
    path="{type}",
    handle=delete_by_search,
    summary="Delete the one resource that the search in the URL finds",
    needs=Needs(("d", "s")),
)
