"""What becomes of a bulk export: how far it is, its manifest, its files, its end (Bulk Data Access 3.0.0).

An export is found by the client that began it, and by nobody else. Its files have names that cannot be guessed; where
clients have tokens they need theirs for the files as well.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from email.utils import format_datetime

from fhir_service.api.answer import Answer, Headers, StreamedAnswer
from fhir_service.api.auth.needs import TOKEN
from fhir_service.api.call import Call
from fhir_service.api.content_encodings import chosen_coding
from fhir_service.api.content_negotiation import NDJSON
from fhir_service.api.interaction import Interaction
from fhir_service.fhir.errors import FhirError, Issue, NotFound
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.changes import moment
from fhir_service.storage.jobs import Job
from fhir_service.workflows.export_manifest import file_of, manifest, progress
from fhir_service.workflows.export_request import KIND, read_request

_RETRY_AFTER = b"1"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_GZIP_LEVEL = 1


class ExportFailed(FhirError):
    """A fault of ours ended it (500)."""


class NoSuchRange(FhirError):
    """Nothing of the file lies there (416)."""

    status, code = 416, "invalid"


async def export_status(call: Call) -> Answer:
    """202 while it is under way, then the manifest; with separate-export-status always 200, and X-Export-Status.

    Raises NotFound, TooManyRequests, ExportFailed.
    """
    job = await _job(call)
    call.service.polls.ask(job.id)
    separate = read_request(job.request).separate_status
    if job.state == "running":
        headers: Headers = ((b"x-progress", progress(job).encode()), (b"retry-after", _RETRY_AFTER))
        return Answer(200, headers=(*headers, _status("202 Accepted"))) if separate else Answer(202, headers=headers)
    expires = (b"expires", format_datetime(moment(job.expires), usegmt=True).encode())
    if job.state == "failed":
        failed = ExportFailed(job.failure)
        if not separate:
            raise failed
        return Answer(200, outcome_bytes(failed.issues), (expires, _status("500 Internal Server Error")))
    done = (expires, _status("200 OK")) if separate else (expires,)
    return Answer(200, encode(manifest(job)), done, "application/json")


async def drop_export(call: Call) -> Answer:
    """End it, and forget it with its files. Raises NotFound."""
    await call.repository.jobs.cancel((await _job(call)).id, call.access.owner)
    text = "the export is ended, and its files are removed"
    return Answer(202, outcome_bytes([Issue("information", "informational", text)]))


async def export_file(call: Call) -> Answer | StreamedAnswer:
    """The lines, as they are or gzipped, whole or a range. Raises NotFound, NoSuchRange."""
    job = await _job(call)
    file = file_of(job, call.file)
    path = f"{job.id}/{file.name}"
    tag = f'"{file.name.removesuffix(".ndjson")}"'
    age = max(0, round((moment(job.expires) - moment(job.begun)).total_seconds()))
    kept = (b"cache-control", b"private, immutable, max-age=%d" % age)
    if tag in call.header(b"if-none-match"):
        return Answer(304, headers=((b"etag", tag.encode()), kept))
    wanted = _range(call.header(b"range"), file.bytes) if call.header(b"if-range") in ("", tag) else None
    if wanted is None and chosen_coding(call.header(b"accept-encoding")) == "gzip":
        lines = _gzipped(_pieces(call, path, 0, file.bytes))
        coded = (b"content-encoding", b"gzip"), (b"etag", f"W/{tag}".encode())
        return StreamedAnswer(lines, NDJSON, (kept, *coded))
    start, end = wanted or (0, file.bytes)
    headers = [(b"accept-ranges", b"bytes"), (b"etag", tag.encode()), kept, (b"content-length", b"%d" % (end - start))]
    if wanted is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, file.bytes)))
    return StreamedAnswer(
        _pieces(call, path, start, end), NDJSON, tuple(headers), status=200 if wanted is None else 206
    )


async def _job(call: Call) -> Job:
    job = await call.repository.jobs.find(call.id, call.access.owner)
    if job.kind != KIND:
        raise NotFound(f"there is no export '{call.id}'")
    return job


def _status(text: str) -> tuple[bytes, bytes]:
    return b"x-export-status", text.encode()


async def _pieces(call: Call, path: str, start: int, end: int) -> AsyncGenerator[bytes]:
    try:
        async for piece in call.service.export_files.read(path, start, end):
            yield piece
    except FileNotFoundError:
        raise NotFound("the file is not there any more; begin the export again") from None


async def _gzipped(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    async for piece in pieces:
        if compressed := await asyncio.to_thread(compressor.compress, piece):
            yield compressed
    yield compressor.flush()


def _range(header: str, size: int) -> tuple[int, int] | None:
    """The one range of bytes that is asked for; None for the whole, also where there are several (RFC 9110 section
    14.2 lets a server send the whole). Raises NoSuchRange."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) else _beyond(size)
    start, end = int(first), min(int(last) + 1, size) if last else size
    return (start, end) if start < end else _beyond(size)


def _beyond(size: int) -> tuple[int, int]:
    raise NoSuchRange(f"the file has {size} bytes", expression=("http.Range",))


STATUS = Interaction(
    code="export-status",
    method="GET",
    path="_export/{id}",
    handle=export_status,
    summary="How far an export is; when it is complete, the manifest that names its files",
    answers=(200, 202),
    errors=(404, 429),
    needs=TOKEN,
)
EXPORT_STATUS = (
    STATUS,
    replace(
        STATUS,
        code="export-drop",
        method="DELETE",
        handle=drop_export,
        summary="End an export, and forget it with its files",
        answers=(202,),
        errors=(404,),
    ),
    replace(
        STATUS,
        code="export-file",
        path="_export/{id}/{file}",
        handle=export_file,
        summary="One file of an export: a resource a line",
        answers=(200, 206),
        errors=(404, 416),
        ndjson=True,
    ),
)
