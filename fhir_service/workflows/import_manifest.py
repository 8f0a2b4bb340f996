"""What is told of an import: how far it is, and what became of each file when it is complete."""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.errors import NotFound
from fhir_service.storage.changes import moment
from fhir_service.storage.jobs import Job
from fhir_service.workflows.import_request import read_request
from fhir_service.workflows.run_import import ErrorFile, point_of


def progress(job: Job) -> str:
    """In under 100 characters."""
    points = [point_of(shard.checkpoint) for shard in job.shards]
    done = sum(shard.done for shard in job.shards)
    stored = sum(point.created + point.updated + point.unchanged for point in points)
    return f"{done} of {len(job.shards)} files, {stored} resources"


def error_pieces(job: Job, name: str) -> list[ErrorFile]:
    """What the one file of outcomes for an input is made of. Raises NotFound, also as long as the import is under
    way."""
    for shard in job.shards if job.state == "complete" else ():
        if name == _error_name(shard.number) and (errors := point_of(shard.checkpoint).errors):
            return errors
    raise NotFound(f"this import has no file '{name[:80]}'; its manifest names them")


def manifest(job: Job) -> dict[str, Any]:
    """Of a complete job: `output` has the resources of each file that are stored now, `error` the outcomes of what was
    refused."""
    request = read_request(job.request)
    output: list[dict[str, Any]] = []
    error: list[dict[str, Any]] = []
    for asked, shard in zip(request.inputs, job.shards, strict=True):
        point = point_of(shard.checkpoint)
        counts = {"created": point.created, "updated": point.updated, "unchanged": point.unchanged}
        item: dict[str, Any] = {"type": "OperationOutcome", "inputUrl": asked.url}
        output.append({**item, "count": sum(counts.values()), "extension": counts})
        if point.errors:
            url = f"{request.base}/_import/{job.id}/{_error_name(shard.number)}"
            error.append({**item, "count": sum(file.count for file in point.errors), "url": url})
    return {
        "transactionTime": moment(job.moment).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request": request.url,
        "requiresAccessToken": request.needs_token,
        "output": output,
        "error": error,
    }


def _error_name(number: int) -> str:
    return f"errors-{number + 1}.ndjson"
