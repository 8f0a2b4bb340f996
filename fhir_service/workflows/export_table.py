"""The flat registry table beside an export in Parquet: a row for each AdverseEvent, of what was stored at its place."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

from fhir_service.definitions.catalogue import Catalogue
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.json_text import parse
from fhir_service.storage.repository import Repository
from fhir_service.workflows.export_checkpoints import MadeFile, Shard, Task
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.export_told import told
from fhir_service.workflows.export_walks import Resources
from fhir_service.workflows.registry_table import TABLE, Resource, registry_views, write_registry_table

_MOST_TOLD = 1000


async def table_files(
    repository: Repository, files: ExportFiles, shard: Shard, artifacts: Callable[[], Catalogue]
) -> list[MadeFile]:
    """The table, and what was left out of it; none where the export lacks a type that the table is made of."""
    known = await asyncio.to_thread(artifacts)
    kinds = sorted({view.resource for view in registry_views(known)})
    if not set(kinds) <= set(shard.request.types):
        return []
    left: list[Issue] = []

    def notice(text: str) -> None:
        if len(left) < _MOST_TOLD:
            left.append(Issue("warning", "incomplete", text))

    job = shard.claim.job
    name = f"{TABLE}-{uuid4().hex}.parquet"
    with tempfile.TemporaryDirectory(prefix="fhir-service-") as folder:
        out = Path(folder) / "table.parquet"
        count = await write_registry_table(out, _resources(repository, shard, kinds), known, notice)
        size = await files.put(f"{job.id}/{name}", out)
    return [MadeFile(name, TABLE, count, size, "table"), *await told(files, job.id, left)]


async def _resources(repository: Repository, shard: Shard, kinds: list[str]) -> AsyncIterator[Resource]:
    place = shard.claim.job.place
    for kind in kinds:
        walk = Resources(repository, shard.of(Task("resources", kind, 0, place)))
        while not walk.at_end:
            lines, _ = await walk.next()
            for line in lines.split(b"\n")[:-1]:
                yield parse(line)
