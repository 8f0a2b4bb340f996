"""The command `map`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, instant_or_stop, progress_bar, settings_or_stop, stop
from fhir_service.cli.ctrl_c import CtrlC
from fhir_service.cli.report_arguments import read_form
from fhir_service.reports.decoding import UnreadableReportError
from fhir_service.reports.source import InvalidSourceError, named_source

if TYPE_CHECKING:
    from fhir_service.settings import Settings
    from fhir_service.workflows.map_folder import FolderRun
    from fhir_service.workflows.run_shards import Workers

REPORT = typer.Argument(
    help="A report (text in UTF-8, UTF-16 or Latin-1), or with --out a folder of them.", metavar="REPORT"
)
_MOST_SHOWN = 20


def map_command(
    report: Annotated[Path | None, REPORT] = None,
    *,
    form: Annotated[
        Path | None,
        typer.Option(help="A filled-in form instead: a QuestionnaireResponse in JSON.", metavar="FILE.json"),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="DOI, PMID, URL or name of the source of one report; ids are made from it.", metavar="NAME"),
    ] = None,
    recorded: Annotated[
        str | None,
        typer.Option(help="The instant that Provenance names, e.g. 2026-01-31T12:00:00Z.", metavar="INSTANT"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the Bundles of a folder of reports, a file each.", metavar="FOLDER")
    ] = None,
    workers: Annotated[int, typer.Option(help="With --out: processes; 0 for as many as there are cores.", min=0)] = 0,
    scheduler: Annotated[
        str | None,
        typer.Option(help="With --out: address of a Dask cluster that does the work.", metavar="ADDRESS"),
    ] = None,
) -> None:
    """Print the FHIR R4 transaction Bundle that one report makes; or write those of a folder. Nothing is stored.

    The same text, `--source` and `--recorded` print the same bytes. A report that tells of no patient with a vertebral
    augmentation prints its DocumentReference (with Device and Provenance) only, and stderr says why. `--form` maps the
    answers to the case-report form; what does not fit is told with the linkId.

    With `--out` every report below a folder becomes a file, and `reports.ndjson` says what became of each. Run again,
    it goes on where it was: a report is read again only where its text or this release is another. One that cannot be
    read stops no other; the exit code then is 1.
    """
    settings = settings_or_stop()
    if recorded is not None:
        instant_or_stop(recorded)
    if out is not None:
        if report is None or form is not None or source is not None:
            stop("--out wants a folder of reports, without --form and --source")
        _map_folder(report, out, settings, recorded=recorded, workers=workers, scheduler=scheduler)
    elif form is not None:
        _map_form(form, settings, recorded)
    elif report is None:
        stop("name a report, or a form with --form")
    elif report.is_dir():
        stop(f"{report} is a folder: say with --out where its Bundles go")
    else:
        _map_one(report, settings, source, recorded)


def _map_form(form: Path, settings: Settings, recorded: str | None) -> None:
    from fhir_service.mapping.map_report import encode_bundle
    from fhir_service.workflows.map_report import now

    sys.stdout.buffer.write(encode_bundle(read_form(form, settings, recorded or now()).mapped.bundle) + b"\n")


def _map_one(report: Path, settings: Settings, source: str | None, recorded: str | None) -> None:
    from fhir_service.mapping.map_report import encode_bundle
    from fhir_service.workflows.map_report import map_report, now
    from fhir_service.workflows.read_report_file import read_report_file

    try:
        citation = named_source(source) if source is not None else None
        read = read_report_file(report, max_bytes=settings.max_report_bytes, source=citation)
    except (UnreadableReportError, InvalidSourceError) as error:
        stop(f"{report}: {error}")
    mapped = map_report(
        read,
        recorded=recorded or now(),
        base=settings.base,
        review_below=settings.review_below,
        reader=settings.reader,
    )
    for note in mapped.notes:
        errors.print(f"{report}: {note}")
    sys.stdout.buffer.write(encode_bundle(mapped.bundle) + b"\n")


def _map_folder(
    reports: Path, out: Path, settings: Settings, *, recorded: str | None, workers: int, scheduler: str | None
) -> None:
    from fhir_service.workflows.dask_cluster import NoCluster
    from fhir_service.workflows.map_folder import FolderRun, Folders, OtherRelease, map_folder
    from fhir_service.workflows.map_report import now
    from fhir_service.workflows.map_shard import MapRun
    from fhir_service.workflows.read_report_file import report_files

    try:
        files = tuple(report_files([reports]))
    except UnreadableReportError as error:
        stop(str(error))
    folders = Folders(reports if reports.is_dir() else reports.parent, out, files)
    run = MapRun(recorded or now(), settings.base, settings.review_below, settings.reader)
    done, pressed = FolderRun(), CtrlC()
    try:
        with pressed, _workers(workers, scheduler) as at_work, progress_bar() as progress:
            task = progress.add_task("Mapping reports", total=len(files))

            def tell() -> None:
                progress.advance(task)
                pressed.heed()

            map_folder(
                folders,
                run,
                at_work,
                done,
                max_bytes=settings.max_report_bytes,
                tell=tell,
                go_on=recorded is None,
            )
    except BlockingIOError:
        stop(f"another run is writing to {out}")
    except OSError as error:
        stop(f"{error.filename or out}: it cannot be written ({error.strerror})")
    except (NoCluster, OtherRelease) as error:
        stop(str(error))
    _print_run(done, out)
    if pressed:
        errors.print("Stopped before the end; the same command goes on from here.")
        raise typer.Exit(130)
    raise typer.Exit(1 if done.failed else 0)


def _workers(count: int, scheduler: str | None) -> AbstractContextManager[Workers | None]:
    """Where the work is done; None for in this process."""
    from fhir_service.workflows.dask_cluster import cluster_workers
    from fhir_service.workflows.run_shards import local_processes
    from fhir_service.workflows.worker_processes import cores

    if scheduler is not None:
        return cluster_workers(scheduler)
    count = count or cores()
    return nullcontext(local_processes(count) if count > 1 else None)


def _print_run(done: FolderRun, out: Path) -> None:
    earlier = f", {done.unchanged:,} as before" if done.unchanged else ""
    reports = f"{done.mapped:,} {'report' if done.mapped == 1 else 'reports'} mapped{earlier}"
    errors.print(f"{reports}: {done.patients:,} {'patient' if done.patients == 1 else 'patients'} in {out}.")
    for note, count in done.notes.most_common():
        errors.print(f"  {count:,} × {note}")
    if done.gone:
        errors.print(f"{len(done.gone):,} Bundles are of reports that are no longer there ({done.gone[0]}, …).")
    if done.failed:
        errors.print(f"{len(done.failed):,} not mapped:")
        for name, reason in list(done.failed.items())[:_MOST_SHOWN]:
            errors.print(f"  {name}: {reason}")
        if len(done.failed) > _MOST_SHOWN:
            errors.print(f"  … and {len(done.failed) - _MOST_SHOWN:,} more; reports.ndjson has them all")
