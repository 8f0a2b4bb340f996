"""Many report files into the store: a bad one does not stop the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fhir_service.fhir.errors import FhirError, first_reason
from fhir_service.reports.decoding import UnreadableReportError
from fhir_service.reports.report import Report
from fhir_service.storage.repository import Repository
from fhir_service.workflows.ask_model import ModelAccess
from fhir_service.workflows.load_report import LoadedReport, load_report
from fhir_service.workflows.map_form import map_form
from fhir_service.workflows.map_report import MappedReport, map_report, now
from fhir_service.workflows.read_report_file import FORM_SUFFIX, file_bytes, read_report_file, report_files
from fhir_service.workflows.review import REVIEW_BELOW

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedReports:
    """What became of every file, in order; notes tell why a report yielded little."""

    loaded: list[LoadedReport] = field(default_factory=list)
    notes: list[tuple[Path, str]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def totals(self) -> dict[str, int]:
        """How many resources were created, updated, deleted and left as they were."""
        return {
            "created": sum(len(load.created) for load in self.loaded),
            "updated": sum(len(load.updated) for load in self.loaded),
            "deleted": sum(len(load.deleted) for load in self.loaded),
            "unchanged": sum(load.unchanged for load in self.loaded),
        }


def files_of(paths: Sequence[Path], into: LoadedReports) -> list[Path]:
    """The report files among `paths`; a path without any is noted as failed."""
    files: list[Path] = []
    for path in paths:
        try:
            files += report_files([path])
        except UnreadableReportError as error:
            into.failed.append((path, str(error)))
    return files


async def load_reports(
    repository: Repository,
    files: Iterable[Path],
    into: LoadedReports,
    *,
    base: str,
    max_bytes: int,
    reader: ModelAccess | None = None,
    review_below: float = REVIEW_BELOW,
    withhold: bool = False,
) -> None:
    """Load one file after the other, with `withhold` without their words.
    `into` grows as they are done, so that what was stored can be told at any time."""
    seen: dict[str, Path] = {}
    for path in files:
        try:
            report, mapped = await _read(
                path, seen, base=base, max_bytes=max_bytes, review_below=review_below, reader=reader
            )
            into.loaded.append(await load_report(repository, report, mapped, withhold=withhold))
            into.notes.extend((path, note) for note in mapped.notes)
        except UnreadableReportError as error:
            into.failed.append((path, str(error)))
        except FhirError as error:
            into.failed.append((path, first_reason(error)))
        except Exception:  # a fault of ours in one report must not cost the others
            _log.exception("loading %s failed", path)
            into.failed.append((path, "an error in fhir-service itself; the log has the details"))


async def _read(
    path: Path,
    seen: dict[str, Path],
    *,
    base: str,
    max_bytes: int,
    review_below: float,
    reader: ModelAccess | None,
) -> tuple[Report, MappedReport]:
    """A report, or a filled-in form, mapped; `seen` has the file of every source so far."""
    if path.suffix == FORM_SUFFIX:
        form = await asyncio.to_thread(map_form, file_bytes(path, max_bytes), recorded=now(), base=base)
        _refuse_again(form.report, path, seen)
        return form.report, form.mapped
    report = await asyncio.to_thread(read_report_file, path, max_bytes=max_bytes)
    _refuse_again(report, path, seen)
    return report, await asyncio.to_thread(
        map_report, report, recorded=now(), base=base, review_below=review_below, reader=reader
    )


def _refuse_again(report: Report, path: Path, seen: dict[str, Path]) -> None:
    first = seen.setdefault(report.source_key, path)
    if first is not path:
        raise UnreadableReportError(f"its source '{report.source_key}' is that of {first}")
