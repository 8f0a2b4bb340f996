"""What becomes of a bulk import: how far it is, its manifest, the outcomes of what was refused, its end.

An import is found by the client that began it, and by nobody else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from email.utils import format_datetime

from fhir_service.api.answer import Answer, StreamedAnswer
from fhir_service.api.auth.needs import TOKEN
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import NDJSON
from fhir_service.api.interaction import Interaction
from fhir_service.fhir.errors import FhirError, Issue, NotFound
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.changes import moment
from fhir_service.storage.jobs import Job
from fhir_service.workflows.import_manifest import error_pieces, manifest, progress
from fhir_service.workflows.import_request import KIND

_RETRY_AFTER = b"1"


class ImportFailed(FhirError):
    """A fault of ours ended it (500)."""


async def import_status(call: Call) -> Answer:
    """202 while it is under way, then the manifest. Raises NotFound, TooManyRequests, ImportFailed."""
    job = await _job(call)
    call.service.polls.ask(job.id)
    if job.state == "running":
        return Answer(202, headers=((b"x-progress", progress(job).encode()), (b"retry-after", _RETRY_AFTER)))
    if job.state == "failed":
        raise ImportFailed(job.failure)
    expires = (b"expires", format_datetime(moment(job.expires), usegmt=True).encode())
    return Answer(200, encode(manifest(job)), (expires,), "application/json")


async def drop_import(call: Call) -> Answer:
    """End it, and forget what was told of it; what is stored stays. Raises NotFound."""
    await call.repository.jobs.cancel((await _job(call)).id, call.access.owner)
    text = "the import is ended; what it has stored stays"
    return Answer(202, outcome_bytes([Issue("information", "informational", text)]))


async def import_errors(call: Call) -> StreamedAnswer:
    """An OperationOutcome for each line of a file that was refused. Raises NotFound."""
    job = await _job(call)
    pieces = error_pieces(job, call.file)

    async def lines() -> AsyncGenerator[bytes]:
        for piece in pieces:
            async for part in call.service.export_files.read(f"{job.id}/{piece.name}", 0, piece.bytes):
                yield part

    return StreamedAnswer(lines(), NDJSON)


async def _job(call: Call) -> Job:
    job = await call.repository.jobs.find(call.id, call.access.owner)
    if job.kind != KIND:
        raise NotFound(f"there is no import '{call.id}'")
    return job


STATUS = Interaction(
    code="import-status",
    method="GET",
    path="_import/{id}",
    handle=import_status,
    summary="How far an import is; when it is complete, what became of each file",
    answers=(200, 202),
    errors=(404, 429),
    needs=TOKEN,
)
IMPORT_STATUS = (
    STATUS,
    replace(
        STATUS,
        code="import-drop",
        method="DELETE",
        handle=drop_import,
        summary="End an import, and forget what was told of it; what is stored stays",
        answers=(202,),
        errors=(404,),
    ),
    replace(
        STATUS,
        code="import-errors",
        path="_import/{id}/{file}",
        handle=import_errors,
        summary="What was refused of one file of an import: an OperationOutcome a line",
        answers=(200,),
        errors=(404,),
        ndjson=True,
    ),
)
