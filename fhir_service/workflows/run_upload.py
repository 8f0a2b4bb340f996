"""A file of submissions as a job (R4 async.html): the file is kept until its last line is done, its outcomes for as
long as what any job has made.

After a crash the next worker goes on behind the last checkpoint. A line that was stored behind that is submitted once
more, which changes nothing where it is the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import msgspec

from fhir_service.fhir.access import Access
from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.fhir.errors import MalformedContent
from fhir_service.storage.jobs import Job, LeaseLost, NewShard
from fhir_service.storage.repository import Repository, Seen
from fhir_service.terminology.terminologies import Terminologies
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.check_conformance import Conformance, conformance
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.job_runner import Work
from fhir_service.workflows.publish_definitions import SOURCE as DEFINITIONS
from fhir_service.workflows.stored_conformance import ConformanceCache, StoredConformance
from fhir_service.workflows.stored_definitions import DefinitionCache, StoredDefinitions
from fhir_service.workflows.stored_terminology import StoredTerminology
from fhir_service.workflows.submit_file import FileOfSubmissions, outcomes_of
from fhir_service.workflows.work_queue import WorkQueue

KIND = "upload"
"""The name of these jobs."""
_TOGETHER = 128
"""Outcomes behind which there is a checkpoint."""
_CONTENT = "submissions.ndjson"


class UploadRequest(msgspec.Struct, frozen=True):
    """A file of so many lines and bytes, sent to a server known as `base` by a caller of that access; `request` and
    `address` are for the AuditEvents."""

    base: str
    lines: int
    bytes: int
    access: Access
    validate_only: bool = False
    request: str = ""
    address: str = ""

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


class OutcomeFile(msgspec.Struct, frozen=True, array_like=True):
    """A file of outcomes that counts."""

    name: str
    bytes: int


class UploadPoint(msgspec.Struct, omit_defaults=True):
    """How many lines are done, and where their outcomes are."""

    done: int = 0
    files: list[OutcomeFile] = []

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """`base` is that of our own definitions. With `withhold` the words of reports stay out of the store, with `audit`
    what is written becomes AuditEvents."""

    base: str
    withhold: bool = False
    audit: bool = False


def request_of(job: Job) -> UploadRequest:
    return msgspec.json.decode(job.request, type=UploadRequest)


def point_of(job: Job) -> UploadPoint:
    """How far an upload is."""
    (shard,) = job.shards
    return msgspec.json.decode(shard.checkpoint, type=UploadPoint) if shard.checkpoint else UploadPoint()


async def begin_upload(
    repository: Repository, files: ExportFiles, request: UploadRequest, content: bytes, *, most: int
) -> Job:
    """Take a file, durably. Raises TooManyRequests where `most` are under way, StoreUnavailable."""
    job_id = str(uuid4())
    file = files.begin(f"{job_id}/{_CONTENT}")
    await file.write(content)
    await file.close()
    try:
        jobs = repository.jobs
        return await jobs.begin(KIND, request.access.owner, request.text(), [NewShard("")], most=most, job_id=job_id)
    except BaseException:
        await files.remove(f"{job_id}/{_CONTENT}")
        raise


class UploadJobs:
    """Does uploads."""

    failure = (
        "the server failed, several times, and its log says why; send the file again, what is stored stays as it is"
    )

    def __init__(
        self,
        repository: Repository,
        files: ExportFiles,
        settings: UploadSettings,
        terminology: Callable[[], Terminologies],
    ) -> None:
        self._repository = repository
        self._files = files
        self._settings = settings
        self._terminology = terminology
        self._queue = WorkQueue("submissions", 1, 1.0)
        self._definitions = DefinitionCache()
        self._conformance = ConformanceCache()

    async def run(self, work: Work) -> None:
        job = work.claim.job
        request, point = request_of(job), point_of(job)
        access = replace(request.access, fixed=frozenset(await self._repository.reports.resources_of(DEFINITIONS)))
        seen = Seen()
        name = f"{job.id}/{_CONTENT}"
        file = FileOfSubmissions(
            b"".join([piece async for piece in self._files.read(name, 0, request.bytes)]),
            self._repository.under(request.base).noting(seen),
            lambda *texts: self._held(access, texts),
            self._settings.base,
            access,
            validate_only=request.validate_only,
            withhold=self._settings.withhold,
        )
        outcomes: list[bytes] = []
        async with aclosing(outcomes_of(file, self._queue, after=point.done)) as found:
            async for outcome in found:
                outcomes.append(outcome)
                if len(outcomes) >= _TOGETHER:
                    await self._advance(work, point, outcomes, seen, request)
        await self._advance(work, point, outcomes, seen, request, done=True)
        await self._files.remove(name)

    async def clean(self, job_id: str) -> None:
        await self._files.remove_all(job_id)

    async def _held(self, access: Access, texts: tuple[bytes, ...]) -> Conformance:
        """What the lines are held against, with the definitions that clients have stored."""
        named = await asyncio.to_thread(lambda: [_read(text) for text in texts])
        definitions = StoredDefinitions(self._repository, access, self._definitions)
        terminology = StoredTerminology(definitions, self._terminology())
        own = conformance(self._settings.base)
        return await StoredConformance(definitions, terminology, own, self._conformance).for_resource(named)

    async def _advance(
        self,
        work: Work,
        point: UploadPoint,
        outcomes: list[bytes],
        seen: Seen,
        request: UploadRequest,
        *,
        done: bool = False,
    ) -> None:
        """Let the outcomes count; none are left in the list."""
        await self._note(seen, request)
        text = b"".join(outcome + b"\n" for outcome in outcomes)
        name = f"outcomes-{uuid4().hex}.ndjson"
        if text:
            file = self._files.begin(f"{work.claim.job.id}/{name}")
            await file.write(text)
            await file.close()
            point.files.append(OutcomeFile(name, len(text)))
        point.done += len(outcomes)
        outcomes.clear()
        try:
            await work.advance(point.text(), done=done)
        except LeaseLost:
            if text:
                await self._files.remove(f"{work.claim.job.id}/{name}")
            raise

    async def _note(self, seen: Seen, request: UploadRequest) -> None:
        """What was given and written since the last time, as an access of the client that sent the file."""
        touched = seen.take()
        if not (self._settings.audit and touched.resources):
            return
        record = AccessRecord(
            recorded=time.time_ns() // 1_000_000,
            request=request.request,
            client=request.access.client_id,
            address=request.address,
            interaction="registryUpload",
            about="",
            query="",
            status=200,
            resources=touched.resources,
            patients=tuple(touched.patients),
            unknown=frozenset(touched.unknown),
        )
        await self._repository.accesses.add([record])


def _read(text: bytes) -> Any:
    """What cannot be read names nothing; its outcome says so."""
    try:
        return read_json(text)
    except MalformedContent:
        return None
