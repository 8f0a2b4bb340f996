"""The jobs that a process of this service can do: one runner, with what each kind of job needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from fhir_service.definitions.catalogue import DEFAULT_BASE, catalogue
from fhir_service.storage.repository import Repository
from fhir_service.terminology.terminologies import Terminologies, terminologies
from fhir_service.workflows import import_request, run_upload
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.export_request import KIND
from fhir_service.workflows.job_runner import JobKind, JobLimits, JobRunner
from fhir_service.workflows.run_export import FILE_BYTES, ExportJobs
from fhir_service.workflows.run_import import ImportJobs, ImportSettings
from fhir_service.workflows.run_upload import UploadJobs, UploadSettings


@dataclass(frozen=True, slots=True)
class JobSettings:
    """`files` is where exports are kept, a folder or a URL; `base` that of our own definitions. Without `imports` and
    `uploads` those are left to others."""

    files: str
    base: str = DEFAULT_BASE
    file_bytes: int = FILE_BYTES
    limits: JobLimits = field(default_factory=JobLimits)
    imports: ImportSettings | None = None
    uploads: UploadSettings | None = None


def runner_of(
    repository: Repository, settings: JobSettings, terminology: Callable[[], Terminologies] | None = None
) -> JobRunner:
    """Does the jobs of a store in this process. Raises UnusableFiles."""
    kinds: dict[str, JobKind] = {KIND: exports_of(repository, settings, terminology)}
    if settings.imports is not None:
        kinds[import_request.KIND] = ImportJobs(repository, ExportFiles(settings.files), settings.imports)
    if settings.uploads is not None:
        known = terminology or partial(terminologies, settings.base)
        kinds[run_upload.KIND] = UploadJobs(repository, ExportFiles(settings.files), settings.uploads, known)
    return JobRunner(repository.jobs, kinds, settings.limits)


def exports_of(
    repository: Repository, settings: JobSettings, terminology: Callable[[], Terminologies] | None = None
) -> ExportJobs:
    """Does exports. Raises UnusableFiles."""
    known = terminology or partial(terminologies, settings.base)
    artifacts = partial(catalogue, settings.base)
    return ExportJobs(repository, ExportFiles(settings.files), known, artifacts, settings.file_bytes)
