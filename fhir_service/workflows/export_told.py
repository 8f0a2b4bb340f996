"""What an export tells of itself: what it leaves out, as OperationOutcomes in its `error` files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import uuid4

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.jobs import Job
from fhir_service.workflows.block_writing import MOST_BESIDE
from fhir_service.workflows.export_blocks import BESIDE_PLACE, TRAVELLING
from fhir_service.workflows.export_checkpoints import MadeFile, checkpoint_of, runs_of
from fhir_service.workflows.export_files import ExportFiles


async def told(files: ExportFiles, job_id: str, issues: Iterable[Issue]) -> list[MadeFile]:
    """One file with an OperationOutcome for each issue; none where there is none."""
    lines = [outcome_bytes([issue]) + b"\n" for issue in issues]
    if not lines:
        return []
    name = f"OperationOutcome-{uuid4().hex}.ndjson"
    file = files.begin(f"{job_id}/{name}")
    await file.write(b"".join(lines))
    await file.close()
    return [MadeFile(name, "OperationOutcome", len(lines), file.size, "error")]


def left_out_of_blocks(job: Job, by: str) -> list[Issue]:
    """What stands in no block, by the checkpoints of a job."""
    left: Counter[str] = Counter()
    dangling = 0
    for shard in job.shards:
        point = checkpoint_of(shard.checkpoint)
        left.update(point.left)
        dangling += point.dangling
    issues = [_left(f"{number} {kind} stand in no block, since they refer to no {by}") for kind, number in left.items()]
    if dangling:
        issues.append(_left(f"{dangling} resources refer to a {by} that is not in this export, and stand in no block"))
    beside = sum(run.places[BESIDE_PLACE + 1] - run.places[BESIDE_PLACE] for run in runs_of(job))
    if beside > MOST_BESIDE:
        issues.append(_left(f"there are too many {TRAVELLING}s that belong to nobody: some are left out"))
    return issues


def _left(text: str) -> Issue:
    return Issue("warning", "incomplete", text)
