"""An export of the store itself into a folder: the shards of the server's job, done in this process.

The job is of a kind of its own, which no service and no worker takes. Its row and its checkpoints are those of any
other, so that a killed one goes on behind its last checkpoint.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import msgspec

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import NotFound
from fhir_service.fhir.json_text import instant
from fhir_service.fhir.parameters import query_parameters
from fhir_service.storage.jobs import Job
from fhir_service.storage.repository import Repository
from fhir_service.terminology.terminologies import terminologies
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.bulk_client.errors import Lost
from fhir_service.workflows.bulk_client.exported import Export, Watcher, exported
from fhir_service.workflows.bulk_client.ledger import Begun, Ledger
from fhir_service.workflows.bulk_client.names import Names, Part
from fhir_service.workflows.bulk_client.wanted import Wanted
from fhir_service.workflows.do_jobs import JobSettings, exports_of
from fhir_service.workflows.export_asked import Asked
from fhir_service.workflows.export_checkpoints import MadeFile
from fhir_service.workflows.export_cohort import patients_listed
from fhir_service.workflows.export_kick_off import EVERYBODY, export_request
from fhir_service.workflows.export_manifest import files_of, progress
from fhir_service.workflows.export_plan import first_shards
from fhir_service.workflows.export_request import KIND, ExportRequest
from fhir_service.workflows.job_runner import JobRunner

_MAKING = ".making"
"""Where files are until all of them are there."""
_LOOK_SECONDS = 0.2
_PARTS: dict[str, Part] = {"output": "output", "deleted": "deleted", "error": "error"}


@dataclass(frozen=True, slots=True)
class Here:
    """A store, the types that are exported of it, and its FHIR base; `settings` are those of a service's jobs."""

    repository: Repository
    types: Collection[str]
    base: str
    settings: JobSettings


async def export_here(here: Here, wanted: Wanted, ledger: Ledger, watcher: Watcher, *, anew: bool = False) -> Export:
    """Go on with the export that the ledger has, or begin one, until all its files are there; with `anew` an unfinished
    one is given up. Raises NotExported, FhirError, OSError."""
    making = ledger.folder / _MAKING
    if anew and ledger.is_unfinished:
        await _forget(here, ledger, making)
        ledger.give_up("it was begun anew")
    asked = Begun(server="", wanted=wanted.text, folder=wanted.folder)
    if not ledger.goes_on(asked):
        request = await _request(here, wanted)
        kind = f"{KIND} {uuid4()}"
        job = await here.repository.jobs.begin(kind, "", request.text(), first_shards(), most=1)
        ledger.begin(msgspec.structs.replace(asked, status=job.id))
    if not ledger.has_all:
        _put_in_place(await _complete(here, making, ledger, watcher), making, ledger)
    await _forget(here, ledger, making)
    ledger.end()
    return exported(ledger)


async def _request(here: Here, wanted: Wanted) -> ExportRequest:
    body = wanted.body
    asked = Asked(
        accept_parameters(body) if body else query_parameters(wanted.pairs),
        "group" if wanted.group else "patient" if wanted.patients or wanted.named else "system",
        here.types,
        OPEN,
        here.base,
        lenient=False,
        terminology=partial(terminologies, here.settings.base),
    )
    members = await patients_listed(here.repository, wanted.group, OPEN) if wanted.group else EVERYBODY
    return await export_request(asked, f"{here.base}/{wanted.text}", members, here.repository)


async def _complete(here: Here, making: Path, ledger: Ledger, watcher: Watcher) -> Job:
    """The job, when it is done. Raises Lost."""
    try:
        job = await here.repository.jobs.find(ledger.current.begun.status)
    except NotFound:
        ledger.give_up("the store does not know the export any more")
        raise Lost("the store does not know the export any more; the same command begins it again", 404) from None
    exports = exports_of(here.repository, replace(here.settings, files=str(making)))
    runner = JobRunner(here.repository.jobs, {job.kind: exports}, here.settings.limits)
    work = asyncio.create_task(runner.finish())
    try:
        while job.state == "running":
            if work.done():  # what a killed process held is free after its lease
                work.result()
                await asyncio.sleep(_LOOK_SECONDS)
                work = asyncio.create_task(runner.finish())
            await asyncio.wait({work}, timeout=_LOOK_SECONDS)
            job = await here.repository.jobs.find(job.id)
            watcher.waits(progress(job), sum(one.done for one in job.shards), len(job.shards))
    finally:
        await runner.close()
        await asyncio.gather(work, return_exceptions=True)
    if job.state != "complete":
        await _forget(here, ledger, making)
        ledger.give_up(job.failure)
        raise Lost(job.failure, 500)
    return job


def _put_in_place(job: Job, making: Path, ledger: Ledger) -> None:
    names = Names()
    files = [(names.next(_PARTS[one.part], one.type), one) for one in files_of(job)]
    ledger.completed(instant(job.moment), tuple((name, one.count) for name, one in files))
    for name, made in files:
        if not ledger.has(name):
            _move(making / job.id / made.name, ledger.path_of(name), made)
            ledger.fetched(name, made.count, made.bytes)


def _move(source: Path, target: Path, made: MadeFile) -> None:
    """It may be where it belongs already, if the process was killed at the wrong moment."""
    if not source.exists() and target.exists() and target.stat().st_size == made.bytes:
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(source, target)


async def _forget(here: Here, ledger: Ledger, making: Path) -> None:
    with suppress(NotFound):
        await here.repository.jobs.forget(ledger.current.begun.status)
    await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)
