"""What becomes of a bulk export: how far it is, its manifest, its files, its end (Bulk Data Access 3.0.0).

An export is found by the client that began it, and by nobody else. Its files are fetched with the token of that client,
or by links that are signed and good for some time.
"""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from email.utils import format_datetime

from fhir_service.api.answer import Answer, Headers, StreamedAnswer
from fhir_service.api.auth.needs import TOKEN, TOKEN_OR_LINK
from fhir_service.api.call import Call
from fhir_service.api.content_encodings import chosen_coding
from fhir_service.api.content_negotiation import NDJSON
from fhir_service.api.error_responses import NoSuchRange
from fhir_service.api.interaction import Interaction
from fhir_service.fhir.access import NOBODY
from fhir_service.fhir.errors import FhirError, Forbidden, InvalidParameter, Issue, NotFound
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.changes import moment
from fhir_service.storage.jobs import Job
from fhir_service.workflows.export_asked import covers
from fhir_service.workflows.export_links import is_good, signed
from fhir_service.workflows.export_manifest import PAGE, Link, file_of, manifest, pages_of, progress, status_url
from fhir_service.workflows.export_request import KIND, PARQUET, read_request

JSON = "application/json"
_RETRY_AFTER = b"1"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_GZIP_LEVEL = 1


class ExportFailed(FhirError):
    """A fault of ours ended it (500)."""


async def export_status(call: Call) -> Answer:
    """202 while it is under way, then the manifest; with separate-export-status always 200, and X-Export-Status.

    Raises NotFound, TooManyRequests, ExportFailed.
    """
    job = await _job(call)
    number = _page(call)
    pages = pages_of(job)
    if job.state == "failed" or number > len(pages) or (number == 1 and job.state == "running"):
        call.service.polls.ask(job.id)
    separate = read_request(job.request).separate_status
    if job.state == "failed":
        failed = ExportFailed(job.failure)
        if not separate:
            raise failed
        headers: Headers = (_expires(job.expires), _status("500 Internal Server Error"))
        return Answer(200, outcome_bytes(failed.issues), headers)
    if number > len(pages) and job.state == "complete":
        raise NotFound(f"this export has {len(pages)} manifests, and no number {number}")
    until = _good_until(call, job)
    body = encode(manifest(job, pages, number, _link(job, until))) if number <= len(pages) else b""
    if job.state == "running":
        headers = ((b"x-progress", progress(job).encode()), (b"retry-after", _RETRY_AFTER))
        waiting = (*headers, _status("202 Accepted")) if separate else headers
        return Answer(200 if separate else 202, body, waiting, JSON)
    expires = _expires(until if read_request(job.request).secret else job.expires)
    return Answer(200, body, (expires, _status("200 OK")) if separate else (expires,), JSON)


async def drop_export(call: Call) -> Answer:
    """End it, and forget it with its files. Raises NotFound."""
    await call.repository.jobs.cancel((await _job(call)).id, call.access.owner)
    text = "the export is ended, and its files are removed"
    return Answer(202, outcome_bytes([Issue("information", "informational", text)]))


async def export_file(call: Call) -> Answer | StreamedAnswer:
    """The content, as it is or gzipped, whole or a range. Raises NotFound, NoSuchRange, Forbidden."""
    job = await _job_of_file(call)
    file = file_of(job, call.file)
    path = f"{job.id}/{file.name}"
    tag = f'"{file.name.partition(".")[0]}"'
    kind = PARQUET if file.name.endswith(".parquet") else NDJSON
    life = job.expires - job.begun if job.expires else call.settings.job_settings.limits.kept
    kept = (b"cache-control", b"private, immutable, max-age=%d" % (life // 1000))
    if tag in call.header(b"if-none-match"):
        return Answer(304, headers=((b"etag", tag.encode()), kept))
    wanted = _range(call.header(b"range"), file.bytes) if call.header(b"if-range") in ("", tag) else None
    if wanted is None and kind == NDJSON and chosen_coding(call.header(b"accept-encoding")) == "gzip":
        lines = _gzipped(_pieces(call, path, 0, file.bytes))
        coded = (b"content-encoding", b"gzip"), (b"etag", f"W/{tag}".encode())
        return StreamedAnswer(lines, kind, (kept, *coded))
    start, end = wanted or (0, file.bytes)
    headers = [(b"accept-ranges", b"bytes"), (b"etag", tag.encode()), kept, (b"content-length", b"%d" % (end - start))]
    if wanted is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, file.bytes)))
    return StreamedAnswer(_pieces(call, path, start, end), kind, tuple(headers), status=200 if wanted is None else 206)


async def _job(call: Call) -> Job:
    """The caller's own. Raises NotFound, and Forbidden where the token allows less than that which began it."""
    job = await call.repository.jobs.find(call.id, call.access.owner)
    if job.kind != KIND:
        raise NotFound(f"there is no export '{call.id}'")
    if not covers(call.access, read_request(job.request)):
        raise Forbidden("the scope of the token allows less than is in this export")
    return job


async def _job_of_file(call: Call) -> Job:
    """By the client that began it, or by a link that it was given. Raises NotFound, Forbidden."""
    job = await call.repository.jobs.find(call.id)
    given = dict(call.parameters)
    secret = read_request(job.request).secret if job.kind == KIND else ""
    if secret and is_good(f"{job.id}/{call.file}", secret, given, time.time()):
        return job
    if call.access == NOBODY or (secret and not call.access.owner):
        raise Forbidden("this link is not good, or no longer; the manifest has new ones")
    return await _job(call)


def _page(call: Call) -> int:
    """Which manifest is asked for. Raises InvalidParameter."""
    text = dict(call.parameters).get(PAGE, "1")
    if not re.fullmatch(r"[1-9]\d{0,6}", text):
        raise InvalidParameter(f"{PAGE}: it is the number of a manifest, from 1", expression=(f"http.{PAGE}",))
    return int(text)


def _link(job: Job, until: int) -> Link:
    """`until` in milliseconds since 1970."""
    secret = read_request(job.request).secret
    url = status_url(job)
    if not secret:
        return lambda name: f"{url}/{name}"
    return lambda name: signed(f"{url}/{name}", f"{job.id}/{name}", secret, until // 1000)


def _good_until(call: Call, job: Job) -> int:
    """When links end that are given now, in milliseconds since 1970: with the files at the latest."""
    now = round(time.time() * 1000)
    life = round(call.settings.export_link_minutes * 60_000)
    return min(job.expires or now + call.settings.job_settings.limits.kept, now + life)


def _expires(milliseconds: int) -> tuple[bytes, bytes]:
    return b"expires", format_datetime(moment(milliseconds), usegmt=True).encode()


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
    raise NoSuchRange(size)


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
        errors=(403, 404, 416),
        ndjson=True,
        needs=TOKEN_OR_LINK,
    ),
)
