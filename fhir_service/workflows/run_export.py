"""An export as a job: a shard makes the plan, others write a type each, the rest writes what was deleted.

A shard walks keys in their order. It closes a file when that is large enough, and then writes down in one checkpoint
that the file counts and how far it goes. After a crash the next worker goes on there; the file that was being written
is in no checkpoint, so no line is in the result twice and none is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import msgspec

from fhir_service.definitions.catalogue import Catalogue
from fhir_service.search.value_sets import Terminology
from fhir_service.storage.jobs import LeaseLost
from fhir_service.storage.repository import Repository
from fhir_service.workflows.block_writing import BlockWriter, SlotReader
from fhir_service.workflows.export_binaries import Binaries
from fhir_service.workflows.export_blocks import BlockPlacing
from fhir_service.workflows.export_checkpoints import Checkpoint, MadeFile, Shard, Task, request_of, runs_of
from fhir_service.workflows.export_cohort import cohort_members
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.export_plan import arranged, planned
from fhir_service.workflows.export_request import PARQUET, ExportRequest
from fhir_service.workflows.export_sinks import ParquetSink, RunSink, Sink
from fhir_service.workflows.export_table import table_files
from fhir_service.workflows.export_told import left_out_of_blocks, told
from fhir_service.workflows.export_walks import Deletions, Resources
from fhir_service.workflows.job_runner import Work

FILE_BYTES = 128 * 1024 * 1024
"""From so many on a file is closed, and its lines count."""
_RUN_BYTES = 32 * 1024 * 1024
"""The same of what is held in memory until then."""
_LINES, _TABLE, _RUN = ".ndjson", ".parquet", ".run"
Walk = Resources | Deletions


class ExportJobs:
    """Does the shards of exports. `terminology` is asked for value sets that a filter names, `artifacts` for the views
    of the registry table."""

    failure = "the server failed while it wrote the export, several times, and its log says why; start it again"

    def __init__(
        self,
        repository: Repository,
        files: ExportFiles,
        terminology: Callable[[], Terminology | None],
        artifacts: Callable[[], Catalogue],
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._repository = repository
        self._files = files
        self._terminology = terminology
        self._artifacts = artifacts
        self._file_bytes = file_bytes

    async def run(self, work: Work) -> None:
        job = work.claim.job
        task = msgspec.json.decode(work.claim.shard.work, type=Task)
        shard = Shard(work.claim, request_of(job), task, self._terminology(), self._file_bytes)
        match task.task:
            case "plan":
                await self._plan(work, shard.request)
            case "arrange":
                await work.advance("", done=True, more=arranged(runs_of(job), self._file_bytes))
            case "blocks":
                await BlockWriter(self._files, SlotReader(self._files, job.id, runs_of(job)), shard).run(work)
            case "tell":
                await self._tell(work, shard.request)
            case "table":
                files = await table_files(self._repository, self._files, shard, self._artifacts)
                await work.advance(Checkpoint(files=files).text(), done=True)
            case _:
                await self._write(_walk(self._repository, shard), shard, work)

    async def clean(self, job_id: str) -> None:
        await self._files.remove_all(job_id)

    async def _plan(self, work: Work, request: ExportRequest) -> None:
        job = work.claim.job
        point = Checkpoint(files=await told(self._files, job.id, request.left_out))
        if request.cohort:
            point.patients = await cohort_members(self._repository, request, place=job.place)
        shards = planned(request, job.place, await self._repository.types_stored())
        await work.advance(point.text(), done=True, more=shards)

    async def _tell(self, work: Work, request: ExportRequest) -> None:
        job = work.claim.job
        files = await told(self._files, job.id, left_out_of_blocks(job, request.organized_by))
        for run in runs_of(job):
            await self._files.remove(f"{job.id}/{run.name}")
        await work.advance(Checkpoint(files=files).text(), done=True)

    async def _write(self, walk: Walk, shard: Shard, work: Work) -> None:
        placing = self._placing(walk, shard)
        most = min(self._file_bytes, _RUN_BYTES) if placing else self._file_bytes
        while not walk.at_end:
            name = f"{walk.file_type}-{uuid4().hex}{_suffix(walk, shard.request)}"
            path = f"{work.claim.job.id}/{name}"
            sink: Sink | None = None
            count = 0
            while not walk.at_end and (sink is None or sink.size < most):
                text, number = await walk.next()
                if number:
                    sink = sink or self._begun(path, placing)
                    await sink.write(text)
                    count += number
            if sink is not None:
                await sink.close()
                walk.point.files.append(_made(name, walk, count, sink))
            if placing is not None:
                walk.point.left = dict(placing.left)
            try:
                await work.advance(walk.point.text(), done=walk.at_end)
            except LeaseLost:
                await self._files.remove(path)
                raise

    def _placing(self, walk: Walk, shard: Shard) -> BlockPlacing | None:
        if not shard.request.organized_by or walk.part != "output":
            return None
        placing = BlockPlacing(self._repository, shard, walk.file_type)
        placing.left.update(walk.point.left)
        return placing

    def _begun(self, path: str, placing: BlockPlacing | None) -> Sink:
        if placing is not None:
            return RunSink(self._files, path, placing)
        return ParquetSink(self._files, path) if path.endswith(_TABLE) else self._files.begin(path)


def _walk(repository: Repository, shard: Shard) -> Walk:
    if shard.task.task == "deleted":
        return Deletions(repository, shard)
    if shard.task.type == "Binary":
        return Binaries(repository, shard, others=shard.task.task != "binaries")
    return Resources(repository, shard)


def _suffix(walk: Walk, request: ExportRequest) -> str:
    if walk.part != "output":
        return _LINES
    return _RUN if request.organized_by else _TABLE if request.format == PARQUET else _LINES


def _made(name: str, walk: Walk, count: int, sink: Sink) -> MadeFile:
    if isinstance(sink, RunSink):
        return MadeFile(name, walk.file_type, count, sink.size, "run", places=tuple(sink.places))
    return MadeFile(name, walk.file_type, count, sink.size, walk.part)
