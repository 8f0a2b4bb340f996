"""A report to the FHIR transaction it makes; nothing is stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fhir_service import __version__
from fhir_service.mapping.map_report import map_case_report
from fhir_service.reports.case_report import CaseReport
from fhir_service.reports.reading import Reading, reading_of
from fhir_service.reports.report import Report
from fhir_service.workflows.ask_model import ModelAccess
from fhir_service.workflows.review import REVIEW_BELOW, without_doubtful


@dataclass(frozen=True, slots=True)
class MappedReport:
    """The Bundle of a report, all that was read in it, and notes for the person who asked: why nothing was read, or
    which facts are left to a reader."""

    bundle: dict[str, Any]
    reading: Reading
    notes: tuple[str, ...]
    for_review: tuple[str, ...] = ()
    """Those of the notes that are on a fact left to a reader."""


def map_report(
    report: Report,
    *,
    recorded: str,
    base: str,
    review_below: float = REVIEW_BELOW,
    reader: ModelAccess | None = None,
) -> MappedReport:
    """Read and map one report. `recorded` is the instant that Provenance names, `base` the canonical base; facts of a
    confidence below `review_below` are kept in the reading and not mapped. `reader` is a language model that reads
    after the rules, in a thread that runs no event loop.

    The same arguments give the same Bundle, byte for byte, unless a model answers otherwise.
    """
    case_report = read(report)
    if reader is not None:
        from fhir_service.workflows.second_reading import with_second_reading  # noqa: PLC0415  # it loads the engine

        case_report = asyncio.run(with_second_reading(report, case_report, reader, base))
    sure = without_doubtful(case_report, review_below)
    bundle = map_case_report(sure.facts, report, recorded=recorded, base=base)
    return MappedReport(
        bundle, reading_of(case_report, report, __version__), (*case_report.note, *sure.notes), sure.notes
    )


def read(report: Report) -> CaseReport:
    """What a report says. The reading engine is loaded with the first one."""
    from fhir_service.extraction.read_report import extract  # noqa: PLC0415  # a fifth of a second, needed for texts only

    return extract(report)


def now() -> str:
    """The present moment as a FHIR instant, to the millisecond, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
