"""An export as a job: a shard makes the plan, others write a type each, the rest writes what was deleted.

A shard walks keys in their order. It closes a file when that is large enough, and then writes down in one checkpoint
that the file counts and how far it goes. After a crash the next worker goes on there; the file that was being written
is in no checkpoint, so no line is in the result twice and none is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import msgspec

from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.search.value_sets import Terminology
from fhir_service.storage.jobs import LeaseLost, NewShard
from fhir_service.storage.repository import Repository
from fhir_service.workflows.export_files import ExportFile, ExportFiles
from fhir_service.workflows.export_request import BESIDE, ExportRequest, read_request
from fhir_service.workflows.export_walks import Checkpoint, Deletions, MadeFile, Resources, Shard, Task
from fhir_service.workflows.job_runner import Work

FILE_BYTES = 128 * 1024 * 1024
"""From so many on a file is closed, and its lines count."""
_KEYS_IN_SHARD = 250_000
_LAST_PHASE = 2 + len(BESIDE)


def first_shards() -> list[NewShard]:
    """With which an export begins."""
    return [_shard(Task("plan"), 0)]


class ExportJobs:
    """Does the shards of exports. `terminology` is asked for value sets that a filter names."""

    failure = "the server failed while it wrote the export, several times, and its log says why; start it again"

    def __init__(
        self,
        repository: Repository,
        files: ExportFiles,
        terminology: Callable[[], Terminology | None],
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._repository = repository
        self._files = files
        self._terminology = terminology
        self._file_bytes = file_bytes

    async def run(self, work: Work) -> None:
        request = read_request(work.claim.job.request)
        task = msgspec.json.decode(work.claim.shard.work, type=Task)
        if task.task == "plan":
            point = Checkpoint(files=await self._told(work, request))
            await work.advance(point.text(), done=True, more=await self._plan(work, request))
            return
        walk = Deletions if task.task == "deleted" else Resources
        shard = Shard(work.claim, request, task, self._terminology(), self._file_bytes)
        await self._write(walk(self._repository, shard), work)

    async def clean(self, job_id: str) -> None:
        await self._files.remove_all(job_id)

    async def _plan(self, work: Work, request: ExportRequest) -> list[NewShard]:
        """Ranges of keys by type. Of patients, Provenance comes behind what it explains, and Device behind both."""
        place = work.claim.job.place
        stored = [kind for kind in await self._repository.types_stored() if kind in request.types]
        late = {} if request.level == "system" else {kind: 2 + at for at, kind in enumerate(BESIDE)}
        shards = [
            _shard(Task("resources", kind, low, min(low + _KEYS_IN_SHARD, place)), late.get(kind, 1))
            for kind in stored
            for low in range(0, place, _KEYS_IN_SHARD)
        ]
        if request.since is not None:
            shards += [_shard(Task("deleted", kind), _LAST_PHASE) for kind in stored]
        return shards

    async def _told(self, work: Work, request: ExportRequest) -> list[MadeFile]:
        """What the export leaves out of what was asked for: an OperationOutcome a line."""
        if not request.left_out:
            return []
        name = f"OperationOutcome-{uuid4().hex}.ndjson"
        file = self._files.begin(f"{work.claim.job.id}/{name}")
        await file.write(b"".join([outcome_bytes([issue]) + b"\n" for issue in request.left_out]))
        await file.close()
        return [MadeFile(name, "OperationOutcome", len(request.left_out), file.bytes, "error")]

    async def _write(self, walk: Resources | Deletions, work: Work) -> None:
        while not walk.at_end:
            name = f"{work.claim.job.id}/{walk.file_type}-{uuid4().hex}.ndjson"
            file: ExportFile | None = None
            count = 0
            while not walk.at_end and (file is None or file.bytes < self._file_bytes):
                text, number = await walk.next()
                if number:
                    file = file or self._files.begin(name)
                    await file.write(text)
                    count += number
            if file is not None:
                await file.close()
                made = MadeFile(name.partition("/")[2], walk.file_type, count, file.bytes, walk.part)
                walk.point.files.append(made)
            try:
                await work.advance(walk.point.text(), done=walk.at_end)
            except LeaseLost:
                await self._files.remove(name)
                raise


def _shard(task: Task, phase: int) -> NewShard:
    return NewShard(msgspec.json.encode(task).decode(), phase)
