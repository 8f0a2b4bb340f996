"""$registryUpload: a file of submissions, one a line, and an outcome for each (HL7's guide CREDS 1.0.0, CURS).

As the guide has it the file is taken with 202, and what became of it is asked for later (`interactions/uploads.py`).
Without `Prefer: respond-async` the outcomes are the answer itself, each as soon as its line is done.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import replace

from fhir_service.api.answer import Answer, StreamedAnswer
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import FHIR_JSON, NDJSON, is_ndjson
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import PRESENTATION, Input, checked_input
from fhir_service.fhir.errors import (
    InvalidParameter,
    Issue,
    MalformedContent,
    TooLarge,
    UnsupportedMediaType,
)
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.fhir.parameters import Parameters, query_parameters
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.run_upload import UploadRequest, begin_upload
from fhir_service.workflows.submit_file import MOST_LINES, FileOfSubmissions, outcomes_of, survey

DEFINITION = "http://hl7.org/fhir/us/registry-protocols/OperationDefinition/RegistryUpload"
_ONLY_CHECKED = Input("validate-only", "Boolean", "`true` finds out what would be said; nothing is stored")
INPUTS = (Input("input", "Resource", f"A Binary of {NDJSON}: a submission a line"), _ONLY_CHECKED)


async def registry_upload(call: Call) -> Answer | StreamedAnswer:
    """202 with Content-Location where the client prefers not to wait, else 200 with an outcome a line.

    Raises MalformedContent, InvalidParameter, TooLarge, UnsupportedMediaType, TookTooLong, TooManyRequests.
    """
    content, inputs = await _file(call)
    lines, told = await asyncio.to_thread(survey, content)
    if not lines:
        raise MalformedContent("the file has no line; send a submission a line")
    if lines > MOST_LINES:
        raise TooLarge(f"the file has more than {MOST_LINES:,} lines; send several smaller ones")
    file = FileOfSubmissions(
        content,
        call.repository,
        call.conformance_of,
        call.settings.base,
        call.access,
        validate_only=bool(inputs.flag("validate-only")),
        withhold=call.settings.source_text == "withhold",
    )
    if call.preferences.asynchronous:
        return await _taken(call, file, lines, told)
    return StreamedAnswer(_lines(call, outcomes_of(file, call.service.submissions)), NDJSON)


async def _taken(call: Call, file: FileOfSubmissions, lines: int, told: Iterable[Issue]) -> Answer:
    request = UploadRequest(
        call.base,
        lines,
        len(file.content),
        replace(call.access, fixed=frozenset()),
        file.validate_only,
        call.origin.request,
        call.origin.address,
    )
    most = call.settings.max_uploads
    job = await begin_upload(call.repository, call.service.export_files, request, file.content, most=most)
    call.service.see_to_jobs()
    if call.seen is not None:
        call.seen.resources["_upload", job.id] = 0
    address = f"{call.base}/_upload/{job.id}"
    text = f"{lines} submissions are taken; what became of each will be told at {address}"
    headers = ((b"content-location", address.encode()), (b"preference-applied", b"respond-async"))
    return Answer(202, outcome_bytes([Issue("information", "informational", text), *told]), headers)


async def _lines(call: Call, outcomes: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    async with call.service.files.turn():
        async for outcome in outcomes:
            yield outcome + b"\n"


async def _file(call: Call) -> tuple[bytes, Parameters]:
    """The lines and the inputs of the URL. The file is the body itself, or a Binary, in Parameters or alone."""
    given = query_parameters(pair for pair in call.parameters if pair[0] not in PRESENTATION)
    checked_input(given, (_ONLY_CHECKED,))
    if is_ndjson(call.header(b"content-type")):
        return await call.body(), given
    body = await _json_body(call)
    return await asyncio.to_thread(_held, body, given)


async def _json_body(call: Call) -> bytes:
    try:
        return await call.resource_body()
    except UnsupportedMediaType:
        sent = call.header(b"content-type")
        text = f"Content-Type is '{sent[:80]}'; send {NDJSON}, or {FHIR_JSON} for Parameters with a Binary of it"
        raise UnsupportedMediaType(text) from None


def _held(body: bytes, given: Parameters) -> tuple[bytes, Parameters]:
    value = read_json(body)
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if kind == "Binary":
        return _data(value, "Binary"), given
    if kind != "Parameters":
        text = f"send the submissions as lines ({NDJSON}), or as `input` of Parameters: a Binary of them"
        raise MalformedContent(text, expression=("resourceType",))
    sent = checked_input(accept_parameters(body), INPUTS)
    resource, place = sent.resource("input"), sent.place("input")
    binary = read_json(resource) if resource else None
    if not isinstance(binary, dict) or binary.get("resourceType") != "Binary":
        raise InvalidParameter("input has to be a Binary with the submissions, one a line", expression=(place,))
    return _data(binary, f"{place}.resource"), replace(sent, items=(*given.items, *sent.items))


def _data(binary: dict[str, object], place: str) -> bytes:
    """Raises InvalidParameter."""
    kind = str(binary.get("contentType", ""))
    if not is_ndjson(kind):
        text = f"the Binary has to be {NDJSON}, not '{kind[:80]}'"
        raise InvalidParameter(text, expression=(f"{place}.contentType",))
    try:
        return base64.b64decode(str(binary.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParameter("the data of the Binary are not base64", expression=(f"{place}.data",)) from None


REGISTRY_UPLOAD = Interaction(
    code="registryUpload",
    definition=DEFINITION,
    method="POST",
    path="$registryUpload",
    handle=registry_upload,
    summary="Submit a file of submissions to the registry, one a line; each has an outcome of its own",
    body="file",
    inputs=INPUTS,
    headers=("Prefer",),
    answers=(200, 202),
    errors=(413, 415, 429, 503),
    ndjson=True,
    needs=Needs(("c", "u"), ("Bundle",)),
)
