"""What became of a file of submissions that was taken with 202 (R4 async.html): asked for until it is done.

The guide CREDS 1.0.0 wants the outcomes themselves at 200, R4 a manifest that leads to them. Here a client gets the
former, unless it takes nothing but `application/json`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from fhir_service.api.answer import Answer, StreamedAnswer
from fhir_service.api.auth.needs import TOKEN
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import NDJSON
from fhir_service.api.interaction import Interaction
from fhir_service.fhir.errors import FhirError, Issue
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.workflows.uploads import Upload

_RETRY_AFTER = b"2"


class _UploadFailed(FhirError):
    """A fault of ours ended it (500)."""


async def upload_status(call: Call) -> Answer | StreamedAnswer:
    """202 while it is under way; then the outcomes, or for a client that takes only JSON the manifest of R4's
    asynchronous pattern, which leads to them. Raises NotFound."""
    upload = call.service.uploads.find(call.id, call.access.owner)
    if upload.running:
        progress = f"{upload.done} of {upload.lines} submissions".encode()
        return Answer(202, headers=((b"x-progress", progress), (b"retry-after", _RETRY_AFTER)))
    if upload.failed:
        text = (
            f"the server failed after {upload.done} of {upload.lines} lines, and its log says why; send the file again"
        )
        raise _UploadFailed(text)
    if _wants_manifest(call.header(b"accept")):
        return Answer(body=_manifest(call, upload), media_type="application/json")
    return await upload_outcomes(call)


async def upload_outcomes(call: Call) -> Answer | StreamedAnswer:
    """What is there of them, a line each. Raises NotFound."""
    upload = call.service.uploads.find(call.id, call.access.owner)

    async def pieces() -> AsyncGenerator[bytes]:
        for piece in upload.outcomes():
            yield piece

    return StreamedAnswer(pieces(), NDJSON)


async def drop_upload(call: Call) -> Answer:
    """End it, and forget its outcomes; what is stored stays. Raises NotFound."""
    await call.service.uploads.drop(call.id, call.access.owner)
    text = "the upload is ended and its outcomes are forgotten; what it has stored stays"
    return Answer(202, outcome_bytes([Issue("information", "informational", text)]))


def _wants_manifest(accept: str) -> bool:
    return bool(accept) and all(part.partition(";")[0].strip() == "application/json" for part in accept.split(","))


def _manifest(call: Call, upload: Upload) -> bytes:
    outcomes = {"type": "OperationOutcome", "url": f"{call.base}/_upload/{call.id}/_outcomes", "count": upload.done}
    return encode(
        {
            "transactionTime": upload.begun,
            "request": f"{call.base}/$registryUpload",
            "requiresAccessToken": call.settings.access != "open",
            "output": [outcomes],
            "error": [],
        }
    )


UPLOAD_STATUS = Interaction(
    code="upload-status",
    method="GET",
    path="_upload/{id}",
    handle=upload_status,
    summary="How far a file of submissions has come; when it is done, the outcome of each line",
    answers=(200, 202),
    errors=(404,),
    ndjson=True,
    needs=TOKEN,
)
UPLOAD_OUTCOMES = replace(
    UPLOAD_STATUS,
    code="upload-outcomes",
    path="_upload/{id}/_outcomes",
    handle=upload_outcomes,
    summary="The outcome of each line of a file of submissions, as far as it was done",
    answers=(200,),
)
DROP_UPLOAD = replace(
    UPLOAD_STATUS,
    code="upload-drop",
    method="DELETE",
    handle=drop_upload,
    summary="End a file of submissions that is under way, and forget its outcomes; what is stored stays",
    answers=(202,),
    ndjson=False,
)
UPLOADS = (UPLOAD_STATUS, UPLOAD_OUTCOMES, DROP_UPLOAD)
