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
from fhir_service.fhir.errors import FhirError, Issue, NotFound
from fhir_service.fhir.json_text import encode, instant
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.jobs import Job
from fhir_service.workflows.run_upload import KIND, point_of, request_of

_RETRY_AFTER = b"2"


class _UploadFailed(FhirError):
    """A fault of ours ended it (500)."""


async def upload_status(call: Call) -> Answer | StreamedAnswer:
    """202 while it is under way; then the outcomes, or for a client that takes only JSON the manifest of R4's
    asynchronous pattern, which leads to them. Raises NotFound."""
    job = await _job(call)
    if job.state == "running":
        progress = f"{point_of(job).done} of {request_of(job).lines} submissions".encode()
        return Answer(202, headers=((b"x-progress", progress), (b"retry-after", _RETRY_AFTER)))
    if job.state == "failed":
        raise _UploadFailed(job.failure)
    if _wants_manifest(call.header(b"accept")):
        return Answer(body=_manifest(call, job), media_type="application/json")
    return _outcomes(call, job)


async def upload_outcomes(call: Call) -> StreamedAnswer:
    """What is there of them, a line each. Raises NotFound."""
    return _outcomes(call, await _job(call))


async def drop_upload(call: Call) -> Answer:
    """End it, and forget its outcomes; what is stored stays. Raises NotFound."""
    await call.repository.jobs.cancel((await _job(call)).id, call.access.owner)
    text = "the upload is ended and its outcomes are forgotten; what it has stored stays"
    return Answer(202, outcome_bytes([Issue("information", "informational", text)]))


async def _job(call: Call) -> Job:
    try:
        job = await call.repository.jobs.find(call.id, call.access.owner)
    except NotFound:
        job = None
    if job is None or job.kind != KIND:
        text = f"there is no upload '{call.id[:80]}', or no longer; send the file again, what is stored stays as it is"
        raise NotFound(text)
    return job


def _outcomes(call: Call, job: Job) -> StreamedAnswer:
    async def pieces() -> AsyncGenerator[bytes]:
        for file in point_of(job).files:
            async for piece in call.service.export_files.read(f"{job.id}/{file.name}", 0, file.bytes):
                yield piece

    return StreamedAnswer(pieces(), NDJSON)


def _wants_manifest(accept: str) -> bool:
    return bool(accept) and all(part.partition(";")[0].strip() == "application/json" for part in accept.split(","))


def _manifest(call: Call, job: Job) -> bytes:
    outcomes = {
        "type": "OperationOutcome",
        "url": f"{call.base}/_upload/{call.id}/_outcomes",
        "count": point_of(job).done,
    }
    return encode(
        {
            "transactionTime": instant(job.begun),
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
