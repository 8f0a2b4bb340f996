"""The command fhir-service: what a person types, one call each, and what they read.

An error is one clear sentence on stderr. Exit codes: 0 done, 1 done but something was found wrong, 2 not done.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from fhir_service import __version__
from fhir_service.cli import (
    audit,
    backup,
    clients,
    doctor,
    export,
    import_resources,
    load_reports,
    map_reports,
    openapi,
    remap,
    research_events,
    serve,
    store,
    structure_maps,
    table,
    validate,
    worker,
)
from fhir_service.cli.console import errors
from fhir_service.definitions.catalogue import BrokenArtifact, UnknownArtifact
from fhir_service.fhir.errors import FhirError

__all__ = ["app", "main"]

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
# In the order in which --help lists them.
app.command("map")(map_reports.map_command)
app.command()(load_reports.load)
app.command()(load_reports.unload)
app.command("import")(import_resources.import_resources)
app.command()(remap.remap)
app.command()(table.table)
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(export.export)
app.add_typer(clients.app, name="clients")
app.add_typer(audit.app, name="audit")
app.command()(validate.validate)
app.command("structure-map")(structure_maps.structure_map)
app.command()(research_events.project)
app.command()(store.migrate)
app.command()(doctor.doctor)
app.command()(backup.backup)
app.command()(store.reindex)
app.command()(openapi.openapi)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fhir-service {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """Options that stand before the command."""


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
