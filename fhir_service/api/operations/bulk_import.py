"""$import: the kick-off of a bulk import (Bulk Data Import draft, github.com/smart-on-fhir/bulk-import).

The body is the draft's JSON, or Parameters with the same names. The files are fetched by the job that is begun here, so
that it survives a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import Needs, require
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.import_request import KIND, ImportRequest, asked, plain
from fhir_service.workflows.run_import import shards_of

INPUTS = (
    Input("inputFormat", "Code", "What the files are: `application/fhir+ndjson`"),
    Input("inputSource", "Uri", "Where the data are from"),
    Input("storageDetail", "Parts", "`type`: `https` (without it) or `file`"),
    Input(
        "input",
        "Parts",
        "`type` of the resources of a file, and its `url`: https, or `file:` and its name",
        repeats=True,
    ),
)


async def begin_import(call: Call) -> Answer:
    """202 with Content-Location. Raises MalformedContent, UnsupportedMediaType, TooLarge, InvalidParameter,
    UnsupportedParameter, Forbidden, TooManyRequests."""
    body = await call.resource_body()
    source, inputs = await in_thread_if_large(
        len(body), lambda: asked(_plain(body), call.service.types, call.settings.import_sources)
    )
    _refuse_uncovered(call.access, {one.type for one in inputs})
    request = ImportRequest(
        f"{call.base}/$import",
        call.base,
        source,
        inputs,
        bool(call.access.owner),
        call.origin.request,
        call.origin.client,
        call.origin.address,
    )
    job = await call.repository.jobs.begin(
        KIND, call.access.owner, request.text(), shards_of(request), most=call.settings.max_imports
    )
    if call.seen is not None:
        call.seen.resources["_import", job.id] = 0
    call.service.see_to_jobs()
    if call.seen is not None:
        call.seen.resources["_import", job.id] = 0
    address = f"{call.base}/_import/{job.id}"
    text = f"the import of {len(inputs)} files is begun; what becomes of it is told at {address}"
    headers = ((b"content-location", address.encode()), (b"preference-applied", b"respond-async"))
    return Answer(202, outcome_bytes([Issue("information", "informational", text)]), headers)


def _plain(body: bytes) -> Any:
    value = read_json(body)
    if isinstance(value, dict) and value.get("resourceType") == "Parameters":
        return plain(accept_parameters(body))
    return value


def _refuse_uncovered(access: Access, kinds: Iterable[str]) -> None:
    """Raises Forbidden unless every resource of these types may be created and updated."""
    for kind in sorted(kinds):
        require(access, "c", kind, whole=True)
        require(access, "u", kind, whole=True)


IMPORT = Interaction(
    code="import",
    definition=f"{DEFAULT_BASE}/OperationDefinition/import",
    method="POST",
    path="$import",
    handle=begin_import,
    summary="Begin to store all resources of some files, of one type each",
    body="parameters",
    inputs=INPUTS,
    headers=("Prefer",),
    answers=(202,),
    errors=(403, 413, 415, 429),
    needs=Needs(("c", "u"), of="some"),
)
