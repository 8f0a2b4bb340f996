"""What is told of an export: how far it is, and which files it made (Bulk Data Access 3.0.0, or the ballot of 4.0.0).

With `allowPartialManifests` there is a manifest for each shard that made files, in the order in which shards are begun:
one is there once its shard and all before it are done, and then it never changes but for the link to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_service.fhir.errors import NotFound
from fhir_service.storage.changes import moment
from fhir_service.storage.jobs import Job
from fhir_service.workflows.export_checkpoints import MadeFile, checkpoint_of
from fhir_service.workflows.export_request import NDJSON, ExportRequest, read_request

Link = Callable[[str], str]
"""From the name of a file to its URL."""
_MANIFEST_TYPE = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest"
_TABLE = "registryTable"
_PAGED = ("output", "deleted")
PAGE = "page"
"""The parameter of a status URL that names a later manifest."""


def files_of(job: Job) -> list[MadeFile]:
    """Those that count until now."""
    return [file for shard in job.shards for file in checkpoint_of(shard.checkpoint).files if file.part != "run"]


def file_of(job: Job, name: str) -> MadeFile:
    """Raises NotFound, also as long as no manifest names it."""
    pages = pages_of(job)
    for page in [*pages, _of_all_pages(job)] if pages else ():
        for file in page:
            if file.name == name:
                return file
    raise NotFound(f"this export has no file '{name[:80]}'; its manifest names them")


def progress(job: Job) -> str:
    """In under 100 characters."""
    done = sum(shard.done for shard in job.shards)
    resources = sum(file.count for file in files_of(job) if file.part == "output")
    return f"{done} of {len(job.shards)} parts, {resources} resources"


def pages_of(job: Job) -> list[list[MadeFile]]:
    """What was exported and deleted, by manifest; none while there is none."""
    request = read_request(job.request)
    by_shard = []
    for shard in sorted(job.shards, key=lambda one: (one.phase, one.number)):
        if not shard.done:
            break
        by_shard.append([file for file in checkpoint_of(shard.checkpoint).files if file.part in _PAGED])
    pages = [files for files in by_shard if files]
    if job.state == "complete":
        return pages if request.partial and pages else [[file for files in pages for file in files]]
    # what blocks and tables leave out is known when they are made, and a manifest tells it from the first on
    early = job.state == "running" and request.partial and not request.organized_by and request.format == NDJSON
    return pages if early else []


def manifest(job: Job, pages: list[list[MadeFile]], number: int, link: Link) -> dict[str, Any]:
    """That of a page, counted from 1."""
    request = read_request(job.request)
    listed: dict[str, list[dict[str, Any]]] = {"output": [], "deleted": [], "error": []}
    for file in sorted(pages[number - 1], key=lambda one: one.type):
        listed[file.part].append(_item(file, request, link))
    common = _of_all_pages(job)
    listed["error"] = [_item(file, request, link) for file in common if file.part == "error"]
    head: dict[str, Any] = {"transactionTime": moment(job.moment).isoformat(timespec="milliseconds")[:-6] + "Z"}
    if request.guide == "3.0.0":
        head["request"] = request.url
    else:
        head = {"manifestType": _MANIFEST_TYPE, **head, "outputFormat": request.format}
        listed["outcome"] = listed.pop("error")
    head["requiresAccessToken"] = not request.secret
    if request.organized_by:
        head["outputOrganizedBy"] = request.organized_by
    made = {**head, **listed, **_extension(common, request, link)}
    if number < len(pages):
        made["link"] = [{"relation": "next", "url": f"{status_url(job)}?{PAGE}={number + 1}"}]
    return made


def status_url(job: Job) -> str:
    return f"{read_request(job.request).base}/_export/{job.id}"


def _of_all_pages(job: Job) -> list[MadeFile]:
    return [file for file in files_of(job) if file.part not in _PAGED]


def _item(file: MadeFile, request: ExportRequest, link: Link) -> dict[str, Any]:
    """Blocks have no type; in the ballot of 4.0.0 only output has."""
    typed = not request.organized_by if file.part == "output" else request.guide == "3.0.0"
    item: dict[str, Any] = {"type": file.type} if typed else {}
    item["url"] = link(file.name)
    if file.goes_on:
        item["continuesInFile"] = link(file.goes_on)
    return {**item, "count": file.count}


def _extension(common: list[MadeFile], request: ExportRequest, link: Link) -> dict[str, Any]:
    """The registry table, which is no type of FHIR."""
    tables = [file for file in common if file.part == "table"]
    if not tables:
        return {}
    if request.guide == "3.0.0":
        return {"extension": {_TABLE: [{"url": link(file.name), "count": file.count} for file in tables]}}
    return {"extension": [{"url": f"{request.base}/{_TABLE}", "valueUrl": link(file.name)} for file in tables]}
