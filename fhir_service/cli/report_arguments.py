"""What a command was given as a report: a file, a filled-in form, or the name of a source."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fhir_service.cli.console import errors, stop
from fhir_service.fhir.errors import FhirError
from fhir_service.reports.decoding import UnreadableReportError
from fhir_service.reports.source import InvalidSourceError, named_source
from fhir_service.settings import Settings

if TYPE_CHECKING:
    from fhir_service.workflows.map_form import MappedForm


def read_form(path: Path, settings: Settings, recorded: str) -> MappedForm:
    """A filled-in form, mapped; what does not fit is told with the linkId and stops the command."""
    from fhir_service.workflows.map_form import map_form
    from fhir_service.workflows.read_report_file import file_bytes

    try:
        text = file_bytes(path, settings.max_report_bytes)
        return map_form(text, recorded=recorded, base=settings.base)
    except UnreadableReportError as error:
        stop(f"{path}: {error}")
    except FhirError as error:
        for issue in error.issues:
            errors.print(f"{path}: {' '.join(issue.expression)}: {issue.text}")
        raise typer.Exit(2) from None


def source_key_of(report: str, settings: Settings) -> str:
    """The key of the source that a file holds or that is named."""
    from fhir_service.workflows.map_report import now
    from fhir_service.workflows.read_report_file import FORM_SUFFIX, read_report_file

    path = Path(report)
    try:
        if path.is_file() and path.suffix == FORM_SUFFIX:
            return read_form(path, settings, now()).report.source_key
        if path.is_file():
            return read_report_file(path, max_bytes=settings.max_report_bytes).source_key
        return named_source(report).key or report
    except (UnreadableReportError, InvalidSourceError) as error:
        stop(f"{report}: {error}")
