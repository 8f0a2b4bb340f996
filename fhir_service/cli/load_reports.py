"""The commands `load` and `unload`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, progress_bar, settings_or_stop, with_repository
from fhir_service.cli.report_arguments import source_key_of

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository
    from fhir_service.workflows.load_report import LoadedReport
    from fhir_service.workflows.load_reports import LoadedReports


def load(
    paths: Annotated[list[Path], typer.Argument(help="Report files, or folders of them.", metavar="PATH...")],
) -> None:
    """Map, check and store reports. Loading the same again changes nothing.

    In a folder every .txt, .html and .pdf file is a report; a `source.json` beside a `report.txt` is its citation. A
    .json file that is named itself is a filled-in form (QuestionnaireResponse). A report loaded again with another text
    or map replaces what it made before, also what somebody has changed since; what it no longer yields is deleted, and
    the difference is printed. A bad file does not stop the others; it is listed at the end.
    """
    from fhir_service.workflows.load_reports import LoadedReports, files_of, load_reports
    from fhir_service.workflows.publish_definitions import publish_definitions

    settings = settings_or_stop()
    result = LoadedReports()
    files = files_of(paths, result)

    async def work(repository: Repository) -> None:
        await publish_definitions(repository, settings.base, settings.registry_contact)
        with progress_bar() as progress:
            tracked = progress.track(files, description="Loading reports")
            await load_reports(
                repository,
                tracked,
                result,
                base=settings.base,
                max_bytes=settings.max_report_bytes,
                reader=settings.reader,
                review_below=settings.review_below,
                withhold=settings.source_text == "withhold",
            )

    stopped = False
    try:
        with_repository(settings, work)
    except KeyboardInterrupt:
        stopped = True
    _print_loaded(result)
    if stopped:
        errors.print("Stopped before the end; what is counted here is stored.")
        raise typer.Exit(130)
    raise typer.Exit(1 if result.failed else 0)


def unload(
    report: Annotated[
        str,
        typer.Argument(help="A report file that was loaded, or its source (DOI, PMID, URL, name).", metavar="REPORT"),
    ],
    erase: Annotated[bool, typer.Option("--erase", help="For good: every version is removed.")] = False,
) -> None:
    """Take a report out of the store: everything it made is deleted; history keeps the old versions unless erased."""
    from fhir_service.workflows.unload_report import unload_report

    settings = settings_or_stop()
    key = source_key_of(report, settings)
    removed = with_repository(settings, lambda repository: unload_report(repository, key, erase=erase))
    errors.print(f"{len(removed)} resources {'erased' if erase else 'deleted'}.")


def _print_loaded(result: LoadedReports) -> None:
    for path, note in result.notes:
        errors.print(f"{path}: {note}")
    for loaded in result.loaded:
        _print_difference(loaded)
    total = ", ".join(f"{count} {action}" for action, count in result.totals.items())
    errors.print(f"{len(result.loaded)} {'report' if len(result.loaded) == 1 else 'reports'} loaded: {total}.")
    if result.failed:
        errors.print(f"{len(result.failed)} not loaded:")
        for path, reason in result.failed:
            errors.print(f"  {path}: {reason}")


def _print_difference(loaded: LoadedReport) -> None:
    """What changed against an earlier load; a first load has nothing to compare with."""
    if not loaded.again or not (loaded.created or loaded.updated or loaded.deleted):
        return
    errors.print(f"{loaded.source_key}:")
    for sign, keys in (("+", loaded.created), ("~", loaded.updated), ("-", loaded.deleted)):
        for key in keys:
            by_hand = "; somebody had changed it, and history has what it was" if key in loaded.by_hand else ""
            errors.print(f"  {sign} {key}{by_hand}")
