"""An import as a job: a shard for each file, a checkpoint behind each batch that is durable.

After a crash the next worker reads the file again and goes on behind the last checkpoint; what was stored behind that
is there already and stays as it is. What is refused stands in files of OperationOutcomes, which count when a checkpoint
names them. A file that cannot be read to its end is told of there, and the others are imported.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import msgspec

from fhir_service.fhir.access import Access
from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.outcomes import outcome_of_line
from fhir_service.storage.changes import moment
from fhir_service.storage.jobs import LeaseLost, NewShard
from fhir_service.storage.repository import Repository
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.fetch_json import NotFetched
from fhir_service.workflows.import_check import ImportRules, look_at_all
from fhir_service.workflows.import_files import Batch, Imported, import_texts
from fhir_service.workflows.import_request import ImportInput, ImportRequest, read_request
from fhir_service.workflows.import_source import ImportSources, open_source, shown
from fhir_service.workflows.job_runner import Work
from fhir_service.workflows.publish_definitions import SOURCE as DEFINITIONS
from fhir_service.workflows.resource_files import ResourceText, lines_in

_BATCH = 500
"""Resources that are stored at once: requests beside it wait so long."""
_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_UNREAD = "import.unread"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """`workers` are processes that check lines (0: a thread of this one). With `audit` what is written becomes an
    AuditEvent for each batch."""

    rules: ImportRules
    sources: ImportSources
    workers: int = 0
    max_line_bytes: int = 16 * 1024 * 1024
    audit: bool = False


class ErrorFile(msgspec.Struct, frozen=True, array_like=True):
    """A file of outcomes that counts."""

    name: str
    count: int
    bytes: int


class ImportPoint(msgspec.Struct, omit_defaults=True):
    """How far a shard has come: the line that was looked at last, what became of those, and what is told of them."""

    line: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    errors: list[ErrorFile] = []

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def point_of(text: str) -> ImportPoint:
    return msgspec.json.decode(text, type=ImportPoint) if text else ImportPoint()


def shards_of(request: ImportRequest) -> list[NewShard]:
    """One for each file, in their order."""
    return [NewShard(msgspec.json.encode(place).decode()) for place in range(len(request.inputs))]


class ImportJobs:
    """Does the shards of imports."""

    failure = (
        "the server failed while it imported, several times, and its log says why; what is stored stays; start it again"
    )

    def __init__(self, repository: Repository, files: ExportFiles, settings: ImportSettings) -> None:
        self._repository = repository
        self._files = files
        self._settings = settings

    async def run(self, work: Work) -> None:
        request = read_request(work.claim.job.request)
        asked = request.inputs[msgspec.json.decode(work.claim.shard.work, type=int)]
        point = point_of(work.claim.shard.checkpoint)
        fault: Exception | None = None
        for attempt in range(_ATTEMPTS):
            try:
                await self._read(work, request, asked, point)
            except (NotFetched, OSError) as error:
                fault = error
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            else:
                await self._advance(work, point, b"", 0, done=True)
                return
        _log.warning("job %s: file %s cannot be read: %s", work.claim.job.id, work.claim.shard.work, fault)
        reason = str(fault) if isinstance(fault, NotFetched) else "it cannot be read to its end"
        text = f"{reason}; what stands behind line {point.line:,} was not imported"
        issue = Issue("fatal", "incomplete" if point.line else "not-found", text, (), _UNREAD)
        await self._advance(work, point, outcome_of_line([issue], shown(asked.url), 0) + b"\n", 1, done=True)

    async def clean(self, job_id: str) -> None:
        await self._files.remove_all(job_id)

    async def _read(self, work: Work, request: ImportRequest, asked: ImportInput, point: ImportPoint) -> None:
        """From where the point is to the end. Raises NotFetched, OSError, and LeaseLost."""
        access = Access(fixed=frozenset(await self._repository.reports.resources_of(DEFINITIONS)))
        rules, repository = self._settings.rules.under(request.base), self._repository.under(request.base)
        look = partial(look_at_all, rules=rules, make=repository.make_block, only=asked.type)
        texts = self._texts(asked, point.line)
        run = import_texts(repository, texts, look, access, workers=self._settings.workers, most=_BATCH)
        async with aclosing(run):
            async for batch in run:
                await self._note(batch, request, work.claim.job.moment)
                text, count = await asyncio.to_thread(_told, batch)
                told = Imported()
                batch.count(told)
                point.line = max((one.line for one in batch.looked), default=point.line)
                point.created += told.of("created")
                point.updated += told.of("updated")
                point.unchanged += told.of("unchanged")
                await self._advance(work, point, text, count, done=False)

    def _texts(self, asked: ImportInput, after: int) -> Iterator[ResourceText]:
        with open_source(asked.url, self._settings.sources) as (stream, gzipped):
            most = self._settings.max_line_bytes
            yield from lines_in(shown(asked.url), stream, most, gzipped=gzipped, after=after)

    async def _advance(self, work: Work, point: ImportPoint, text: bytes, count: int, *, done: bool) -> None:
        name = f"errors-{uuid4().hex}.ndjson"
        if text:
            file = self._files.begin(f"{work.claim.job.id}/{name}")
            await file.write(text)
            await file.close()
            point.errors.append(ErrorFile(name, count, len(text)))
        try:
            await work.advance(point.text(), done=done)
        except LeaseLost:
            if text:
                await self._files.remove(f"{work.claim.job.id}/{name}")
            raise

    async def _note(self, batch: Batch, request: ImportRequest, begun: int) -> None:
        """What was written, as an access of the client that asked for it; durable before the batch counts. What is
        there since the import has begun may have been written by a run of it that was broken off before this."""
        since = moment(begun)
        written = {
            (one.type, one.id): one.version
            for one in batch.outcomes.values()
            if one.action != "unchanged" or one.last_updated > since
        }
        if not (self._settings.audit and written):
            return
        record = AccessRecord(
            recorded=time.time_ns() // 1_000_000,
            request=request.request,
            client=request.client,
            address=request.address,
            interaction="import",
            about="",
            query="",
            status=200,
            resources=written,
        )
        await self._repository.accesses.add([record])


def _told(batch: Batch) -> tuple[bytes, int]:
    """An outcome for each line that there is something to say of."""
    lines = [
        outcome_of_line(issues, batch.looked[place].file, batch.looked[place].line) + b"\n"
        for place, issues in sorted(batch.issues.items())
    ]
    return b"".join(lines), len(lines)
