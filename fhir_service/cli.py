"""The command fhir-service: what a person types, one call each, and what they read.

An error is one clear sentence on stderr. Exit codes: 0 done, 1 done but something was found wrong, 2 not done.
"""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import re
import socket
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fhir_service import __version__
from fhir_service.definitions.catalogue import BrokenArtifact, UnknownArtifact
from fhir_service.fhir.errors import FhirError, StoreUnavailable
from fhir_service.reports.decoding import UnreadableReportError
from fhir_service.reports.source import InvalidSourceError, named_source
from fhir_service.settings import Settings, read_settings

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository
    from fhir_service.workflows.load_report import LoadedReport
    from fhir_service.workflows.load_reports import LoadedReports
    from fhir_service.workflows.map_form import MappedForm

app = typer.Typer(
    name="fhir-service",
    help="Read case reports about complications after vertebroplasty and kyphoplasty, map them to FHIR R4, store and "
    "serve them.\n\nStart with `fhir-service map REPORT.txt` to see what a report becomes, then "
    "`fhir-service load FOLDER` and `fhir-service serve`. Settings are environment variables that begin with "
    "FHIR_SERVICE_ (docs/howto/settings.md).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
T = TypeVar("T")


class MapForm(StrEnum):
    """The two forms of a map."""

    TEXT = "text"
    JSON = "json"


class FindingsForm(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """How severe a finding is; fatal ones are errors too."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


REPORT_FILE = typer.Argument(help="A plain-text report (UTF-8, UTF-16 or Latin-1).", metavar="REPORT.txt")


@app.command("map")
def map_command(
    report: Annotated[Path | None, REPORT_FILE] = None,
    form: Annotated[
        Path | None,
        typer.Option(help="A filled-in form instead: a QuestionnaireResponse in JSON.", metavar="FILE.json"),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="DOI, PMID, URL or name of the source; ids are made from it.", metavar="NAME")
    ] = None,
    recorded: Annotated[
        str | None,
        typer.Option(help="The instant that Provenance names, e.g. 2026-01-31T12:00:00Z.", metavar="INSTANT"),
    ] = None,
) -> None:
    """Print the FHIR R4 transaction Bundle that one report makes. Nothing is stored.

    The same text, `--source` and `--recorded` print the same bytes. A report that tells of no patient with a vertebral
    augmentation prints its DocumentReference (with Device and Provenance) only,
    and stderr says why. `--form` maps the answers to the case-report form; what does not fit is told with the linkId.
    """
    from fhir_service.mapping.map_report import encode_bundle
    from fhir_service.workflows.map_report import map_report, now
    from fhir_service.workflows.read_report_file import read_report_file

    settings = _settings()
    instant = _instant(recorded) if recorded is not None else now()
    if form is not None:
        sys.stdout.buffer.write(encode_bundle(_read_form(form, settings, instant).mapped.bundle) + b"\n")
        return
    if report is None:
        _stop("name a report, or a form with --form")
    try:
        citation = named_source(source) if source is not None else None
        read = read_report_file(report, max_bytes=settings.max_report_bytes, source=citation)
    except (UnreadableReportError, InvalidSourceError) as error:
        _stop(f"{report}: {error}")
    mapped = map_report(read, recorded=instant, base=settings.base)
    for note in mapped.notes:
        errors.print(f"{report}: {note}")
    sys.stdout.buffer.write(encode_bundle(mapped.bundle) + b"\n")


@app.command()
def load(
    paths: Annotated[list[Path], typer.Argument(help="Report files, or folders of them.", metavar="PATH...")],
) -> None:
    """Map, check and store reports. Loading the same again changes nothing.

    In a folder every .txt file is a report; a `source.json` beside a `report.txt` is its citation. A .json file that is
    named itself is a filled-in form (QuestionnaireResponse). A report loaded again with another text or map replaces
    what it made before, also what somebody has changed since; what it no longer yields is deleted, and the difference
    is printed. A bad file does not stop the others; it is listed at the end.
    """
    from fhir_service.workflows.load_reports import LoadedReports, files_of, load_reports
    from fhir_service.workflows.publish_definitions import publish_definitions

    settings = _settings()
    result = LoadedReports()
    files = files_of(paths, result)

    async def work(repository: Repository) -> None:
        await publish_definitions(repository, settings.base)
        with _progress() as progress:
            tracked = progress.track(files, description="Loading reports")
            await load_reports(repository, tracked, result, base=settings.base, max_bytes=settings.max_report_bytes)

    stopped = False
    try:
        _with_repository(settings, work)
    except KeyboardInterrupt:
        stopped = True
    _print_loaded(result)
    if stopped:
        errors.print("Stopped before the end; what is counted here is stored.")
        raise typer.Exit(130)
    raise typer.Exit(1 if result.failed else 0)


@app.command()
def unload(
    report: Annotated[
        str,
        typer.Argument(help="A report file that was loaded, or its source (DOI, PMID, URL, name).", metavar="REPORT"),
    ],
    erase: Annotated[bool, typer.Option("--erase", help="For good: every version is removed.")] = False,
) -> None:
    """Take a report out of the store: everything it made is deleted; history keeps the old versions unless erased."""
    from fhir_service.workflows.unload_report import unload_report

    settings = _settings()
    key = _source_key(report, settings)
    removed = _with_repository(settings, lambda repository: unload_report(repository, key, erase=erase))
    errors.print(f"{len(removed)} resources {'erased' if erase else 'deleted'}.")


@app.command()
def remap(
    *,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Only this report: its file, DOI, PMID, URL or name; repeatable.", metavar="REPORT"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also reports that the present maps have made.")] = False,
    reread: Annotated[bool, typer.Option("--reread", help="Read the stored texts anew too, by this release.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also resources that somebody has changed by hand since.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", "--yes", help="Store it; else it is only shown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a report, on stdout.")] = False,
) -> None:
    """Map loaded reports anew whose Provenance names another version of the maps, and show what that changes.

    Nothing is stored without `--apply`; with it each report is one transaction, and history keeps the old versions.
    What somebody has changed by hand is listed and kept.
    """
    from fhir_service.definitions.catalogue import Catalogue, mappings_root
    from fhir_service.mapping.map_report import map_library
    from fhir_service.mapping.versions import not_locked
    from fhir_service.remap_output import remap_and_show
    from fhir_service.workflows.remap_report import Remapping

    settings = _settings()
    if changed := not_locked(Catalogue(mappings_root())):
        _stop(f"{', '.join(changed)}: changed, but not its version, so Provenance could not tell (`make versions`)")
    remapping = Remapping(settings.base, map_library(settings.base), every, reread, overwrite, apply)
    keys = [_source_key(one, settings) for one in source or ()]
    failed = _with_repository(settings, lambda repository: remap_and_show(repository, keys, remapping, as_json=as_json))
    raise typer.Exit(1 if failed else 0)


@app.command()
def table(
    out: Annotated[Path, typer.Argument(help="The file to write: .csv or .parquet.", metavar="OUT")],
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="Of a Bundle in a JSON file, not of the store; repeatable.", metavar="FILE"),
    ] = None,
) -> None:
    """Write the registry as a table, one row for each adverse event, for a spreadsheet, R or pandas.

    The columns are explained in mappings/views/registry-table.toml. Each row has the ids of its resources, and where in
    which report the words of the event stand.
    """
    from fhir_service.definitions.catalogue import catalogue
    from fhir_service.formats.joined_table import FORMATS
    from fhir_service.workflows.bundle_files import UnreadableBundleError, bundled_resources
    from fhir_service.workflows.registry_table import stored_resources, write_registry_table

    settings = _settings()
    artifacts = catalogue(settings.base)
    if out.suffix.lower() not in FORMATS:
        _stop(f"{out}: the name of a table ends in {' or '.join(FORMATS)}")
    try:
        if bundle:
            rows = asyncio.run(write_registry_table(out, bundled_resources(bundle), artifacts, errors.print))
        else:
            rows = _with_repository(
                settings,
                lambda store: write_registry_table(out, stored_resources(store, artifacts), artifacts, errors.print),
            )
    except (UnreadableBundleError, OSError) as error:
        _stop(str(error))
    errors.print(f"{rows} {'row' if rows == 1 else 'rows'} written to {out}.")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback only, for now.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
) -> None:
    """Serve the store as a FHIR R4 REST API at /fhir.

    Without access control only this machine may ask: a host that is not loopback is refused.
    """
    import uvicorn

    from fhir_service.api.app import create_app
    from fhir_service.api.exposure import refuse_open_exposure
    from fhir_service.workflows.publish_definitions import publish_definitions

    settings = _settings()
    host, port = host or settings.host, settings.port if port is None else port
    try:
        refuse_open_exposure(host)
        listener = _listener(host, port)
    except ValueError as error:
        _stop(str(error))
    # What is wrong with the store is told before anything is served.
    _with_repository(settings, lambda repository: publish_definitions(repository, settings.base))
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    errors.print(
        f"fhir-service {__version__} on {address} (Ctrl-C stops it)\n"
        f"  {address}/              what is here\n"
        f"  {address}/fhir/metadata what this server can do\n"
        f"  {address}/fhir/Patient  the patients\n"
        f"  {address}/docs          the API, to try out\n"
        "Access is open to every program on this machine."
    )
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s: %(name)s: %(message)s")
    served = create_app(settings)
    gc.collect()
    gc.freeze()  # what was read so far stays for good; to look through it again and again holds up every request
    config = uvicorn.Config(served, log_level=settings.log_level, server_header=False)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


@app.command()
def validate(
    files: Annotated[
        list[str],
        typer.Argument(help="Files, folders, patterns, or - for standard input: JSON, XML, NDJSON.", metavar="FILE..."),
    ],
    *,
    profile: Annotated[str, typer.Option(help="Canonical URL of the profile that each has to conform to.")] = "",
    definitions: Annotated[
        list[Path] | None,
        typer.Option(help="File with a StructureDefinition, ValueSet or CodeSystem, or a Bundle of such; repeatable."),
    ] = None,
    must_support: Annotated[
        bool, typer.Option("--must-support", help="Tell what a profile marks as must-support and is not there.")
    ] = False,
    form: Annotated[
        FindingsForm, typer.Option("--format", help="A line for each finding, or an OperationOutcome each resource.")
    ] = FindingsForm.TEXT,
    level: Annotated[Level, typer.Option(help="The least severe findings that are printed.")] = Level.INFORMATION,
    fail_on: Annotated[Level, typer.Option(help="The least severe findings that make the exit code 1.")] = Level.ERROR,
    workers: Annotated[int, typer.Option(help="Processes; 0 for as many as there are cores.", min=0)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no findings, only what they come to.")] = False,
) -> None:
    """Say what is wrong with FHIR R4 resources, and count it.

    A finding is `file:line: expression: severity rule: text`; in NDJSON the line is that of the resource. Exit code 0:
    nothing as severe as --fail-on; 1: something is; 2: a file could not be read, or the command makes no sense.
    """
    from fhir_service.validate_output import Tally, progress_of, show
    from fhir_service.workflows.check_conformance import Conformance
    from fhir_service.workflows.resource_files import named_files, texts_of, total_size
    from fhir_service.workflows.validate_file import read_definitions
    from fhir_service.workflows.validate_files import Question, judge_all

    settings = _settings()
    try:
        question = Question(settings.base, profile, read_definitions(definitions or ()), must_support=must_support)
        Conformance(question.base, question.definitions)
    except OSError as error:
        _stop(f"{error.filename}: it cannot be read ({error.strerror})")
    except FhirError as error:
        _stop(str(error))
    found, tally, stopped = list(named_files(files)), Tally(), False
    results = judge_all(texts_of(found, max_bytes=settings.max_body_bytes), question, workers)
    try:
        with contextlib.closing(results), progress_of(errors, total_size(found)) as progress:
            show(results, tally, as_json=form is FindingsForm.JSON, level=level, quiet=quiet, progress=progress)
    except KeyboardInterrupt:
        stopped = True
    for line in tally.lines():
        errors.print(line)
    if stopped:
        errors.print("Stopped before the end; this is what was found until then.")
        raise typer.Exit(130)
    raise typer.Exit(tally.exit_code(fail_on))


@app.command("structure-map")
def structure_map(
    files: Annotated[
        list[Path], typer.Argument(help="Maps: mapping language, or StructureMap in JSON.", metavar="FILE...")
    ],
    to: Annotated[MapForm | None, typer.Option(help="Print the maps in this form.")] = None,
    r5: Annotated[bool, typer.Option("--r5", help="With --to json: StructureMap of R5, not R4.")] = False,
    syntax: Annotated[
        bool, typer.Option("--syntax", help="Check the language alone, not whether what it names is there.")
    ] = False,
) -> None:
    """Check maps, and turn them from mapping language to StructureMap and back.

    All files are loaded together with the maps of the service, so they may import one another. What is wrong is
    printed as `file:line:column: …` (in JSON `file:StructureMap.group[0]…: …`), and the exit code is 1. Converted maps
    go to stdout: JSON one a line, texts one after the other; comments are in no StructureMap and so get lost.
    """
    from fhir_service.fhir.json_text import encode
    from fhir_service.mapping.errors import MappingError
    from fhir_service.mapping.map_text import to_text
    from fhir_service.mapping.structure_map_writer import to_resource
    from fhir_service.workflows.check_structure_maps import MapFile, load_problem, read_map_file

    settings = _settings()
    found = [read_map_file(file, max_bytes=settings.max_body_bytes) for file in files]
    maps = [entry for entry in found if isinstance(entry, MapFile)]
    problems = [str(entry) for entry in found if not isinstance(entry, MapFile)]
    if not syntax and not problems and (problem := load_problem(maps, settings.base)) is not None:
        problems.append(str(problem))
    for entry in maps if to is not None and not problems else ():
        try:
            if to == MapForm.TEXT:
                printed = to_text(entry.tree).encode()
            else:
                printed = encode(to_resource(entry.tree, release="R5" if r5 else "R4", source=entry.text)) + b"\n"
            sys.stdout.buffer.write(printed)
        except MappingError as error:
            problems.append(f"{entry.path}: {error}")
    for line in problems:
        errors.print(line)
    raise typer.Exit(1 if problems else 0)


@app.command()
def project(
    file: Annotated[
        Path | None, typer.Argument(help="A JSON file with a Bundle or an AdverseEvent.", metavar="[FILE]")
    ] = None,
    store: Annotated[bool, typer.Option("--store", help="Every adverse event of the store instead of a file.")] = False,
) -> None:
    """Print adverse events in the form of HL7's guide Adverse Event Clinical Research; nothing is stored.

    What is printed is a Bundle of type collection, for the store one on each line. An event that the guide's profile
    cannot take is left out; the last entry is then an OperationOutcome that says which rule each misses. stderr counts.
    """
    from fhir_service.fhir.access import OPEN
    from fhir_service.fhir.json_text import encode
    from fhir_service.workflows.project_research_events import Counted, project_all, project_file

    settings, counted = _settings(), Counted()
    if (file is None) is not store:
        _stop("say what to project: a FILE, or --store for every adverse event of the store")

    def show(bundle: dict[str, Any]) -> None:
        counted.add(bundle)
        sys.stdout.buffer.write(encode(bundle) + b"\n")

    async def work(repository: Repository) -> None:
        async for bundle in project_all(repository, OPEN, address=settings.own_address, base=settings.base):
            show(bundle)

    if file is None:
        _with_repository(settings, work)
    else:
        try:
            show(project_file(file, max_bytes=settings.max_body_bytes, base=settings.base))
        except FhirError as error:
            _stop(f"{file}: {'; '.join(issue.text for issue in error.issues[:5])}")
    errors.print(counted.text())


@app.command()
def migrate() -> None:
    """Bring the database to the present schema and stop. Every other command that needs it does so by itself."""
    _with_repository(_settings(), _nothing)
    errors.print("The database is up to date.")


@app.command()
def reindex() -> None:
    """Make what searches look up anew for every stored resource, after search parameters have changed.

    The service may run meanwhile. Run again after it was stopped, it goes on where it was.
    """

    async def work(repository: Repository) -> int:
        with _progress() as progress:
            task = progress.add_task("Indexing", total=None)
            return await repository.reindex(lambda done, total: progress.update(task, completed=done, total=total))

    done = _with_repository(_settings(), work)
    errors.print(f"{done} resources indexed.")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the REST API."""
    from fhir_service.api.app import openapi_document

    sys.stdout.buffer.write(openapi_document())


def _read_form(path: Path, settings: Settings, recorded: str) -> MappedForm:
    from fhir_service.workflows.map_form import map_form
    from fhir_service.workflows.read_report_file import file_bytes

    try:
        text = file_bytes(path, settings.max_report_bytes)
        return map_form(text, recorded=recorded, base=settings.base)
    except UnreadableReportError as error:
        _stop(f"{path}: {error}")
    except FhirError as error:
        for issue in error.issues:
            errors.print(f"{path}: {' '.join(issue.expression)}: {issue.text}")
        raise typer.Exit(2) from None


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fhir-service {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """Options that stand before the command."""


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


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def _with_repository(settings: Settings, work: Callable[[Repository], Awaitable[T]]) -> T:
    from fhir_service.storage.repository import NewerDatabase, UnusableDatabaseUrl, open_repository

    async def run() -> T:
        repository = await open_repository(settings.database_url, base=settings.own_address)
        try:
            return await work(repository)
        finally:
            await repository.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        reason = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        database = re.sub(r"://[^@/]*@", "://…@", settings.database_url)
        _stop(f"the database {database} cannot be used{reason}")
    except (FhirError, UnusableDatabaseUrl, NewerDatabase) as error:
        _stop(str(error))


async def _nothing(_: Repository) -> None:
    """Opening the store is all: it brings the schema up to date."""


def _listener(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises ValueError where it is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


def _source_key(report: str, settings: Settings) -> str:
    from fhir_service.workflows.map_report import now
    from fhir_service.workflows.read_report_file import FORM_SUFFIX, read_report_file

    path = Path(report)
    try:
        if path.is_file() and path.suffix == FORM_SUFFIX:
            return _read_form(path, settings, now()).report.source_key
        if path.is_file():
            return read_report_file(path, max_bytes=settings.max_report_bytes).source_key
        return named_source(report).key or report
    except (UnreadableReportError, InvalidSourceError) as error:
        _stop(f"{report}: {error}")


def _instant(value: str) -> str:
    from fhir_service.fhir.primitives import is_instant

    if not is_instant(value):
        _stop(f"--recorded wants a FHIR instant such as 2026-01-31T12:00:00Z, not '{value}'")
    return value


def _settings() -> Settings:
    try:
        return read_settings()
    except ValueError as error:
        _stop(str(error))


def _stop(message: str) -> NoReturn:
    errors.print(message)
    raise typer.Exit(2)


def main() -> None:
    """Run the command line. A fault of ours is one sentence too; its traceback is for FHIR_SERVICE_LOG_LEVEL=debug."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `map ... | head`
        sys.stderr.close()
        sys.exit(1)
    except (FhirError, BrokenArtifact, UnknownArtifact) as error:  # a map or definition that somebody has edited
        errors.print(str(error))
        sys.exit(2)
    except Exception as error:  # the last resort
        if os.environ.get("FHIR_SERVICE_LOG_LEVEL", "").lower() == "debug":
            raise
        errors.print(
            f"fhir-service failed ({type(error).__name__}). This is a fault of ours: please report it, with what "
            "FHIR_SERVICE_LOG_LEVEL=debug prints."
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
