"""What is told of an export: how far it is, and when it is complete which files it made (Bulk Data Access 3.0.0)."""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.errors import NotFound
from fhir_service.storage.changes import moment
from fhir_service.storage.jobs import Job
from fhir_service.workflows.export_request import read_request
from fhir_service.workflows.export_walks import MadeFile, checkpoint_of


def files_of(job: Job) -> list[MadeFile]:
    """Those that count until now."""
    return [file for shard in job.shards for file in checkpoint_of(shard.checkpoint).files]


def file_of(job: Job, name: str) -> MadeFile:
    """Raises NotFound, also as long as the export is under way."""
    for file in files_of(job) if job.state == "complete" else ():
        if file.name == name:
            return file
    raise NotFound(f"this export has no file '{name[:80]}'; its manifest names them")


def progress(job: Job) -> str:
    """In under 100 characters."""
    done = sum(shard.done for shard in job.shards)
    resources = sum(file.count for file in files_of(job) if file.part == "output")
    return f"{done} of {len(job.shards)} parts, {resources} resources"


def manifest(job: Job) -> dict[str, Any]:
    """Of a complete job."""
    request = read_request(job.request)
    listed: dict[str, list[dict[str, Any]]] = {"output": [], "deleted": [], "error": []}
    for file in sorted(files_of(job), key=lambda one: one.type):
        url = f"{request.base}/_export/{job.id}/{file.name}"
        listed[file.part].append({"type": file.type, "url": url, "count": file.count})
    return {
        "transactionTime": moment(job.moment).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request": request.url,
        "requiresAccessToken": request.needs_token,
        **listed,
    }
