"""A patient's whole record (R4 operation-patient-everything.html)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.fhir.bundles import SearchEntry, searchset
from fhir_service.workflows.everything import everything_about


async def everything(call: Call) -> Answer:
    found = await everything_about(call.repository, call.id, call.parameters, call.access)
    entries = [SearchEntry(stored.text, f"{call.base}/{stored.type}/{stored.id}") for stored in found]
    query = f"?{call.query}" if call.query else ""
    links = {"self": f"{call.base}/Patient/{call.id}/$everything{query}"}
    return Answer(body=searchset(entries, links, len(entries)))


EVERYTHING = Interaction(
    code="everything",
    definition="http://hl7.org/fhir/OperationDefinition/Patient-everything",
    method="GET",
    path="{type}/{id}/$everything",
    types=frozenset({"Patient"}),
    handle=everything,
    summary="A patient with all that is known of them, and what that refers to",
    parameters=("_type",),
    errors=(404, 410),
)
