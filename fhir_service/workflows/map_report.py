"""A report to the FHIR transaction it makes; nothing is stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fhir_service import __version__
from fhir_service.extraction.read_report import extract
from fhir_service.mapping.map_report import map_case_report
from fhir_service.reports.reading import Reading, reading_of
from fhir_service.reports.report import Report
from fhir_service.workflows.ask_model import ModelAccess
from fhir_service.workflows.second_reading import with_second_reading


@dataclass(frozen=True, slots=True)
class MappedReport:
    """The Bundle of a report, what was read in it, and notes for the person who asked (why nothing was read, say)."""

    bundle: dict[str, Any]
    reading: Reading
    notes: tuple[str, ...]


def map_report(report: Report, *, recorded: str, base: str, reader: ModelAccess | None = None) -> MappedReport:
    """Read and map one report. `recorded` is the instant that Provenance names, `base` the canonical base, `reader` a
    language model that reads it after the rules; in a thread that runs no event loop.

    The same arguments give the same Bundle, byte for byte, unless a model answers otherwise.
    """
    case_report = extract(report)
    if reader is not None:
        case_report = asyncio.run(with_second_reading(report, case_report, reader, base))
    bundle = map_case_report(case_report, report, recorded=recorded, base=base)
    return MappedReport(bundle, reading_of(case_report, report, __version__), case_report.note)


def now() -> str:
    """The present moment as a FHIR instant, to the millisecond, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
