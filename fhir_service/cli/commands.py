"""The commands, and where each is. Only the one that is asked for is loaded: to read all of them takes a tenth of a
second."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Annotated

import typer

from fhir_service import __version__

_MODULES = {
    "map": "map_reports:map_command",
    "load": "load_reports:load",
    "unload": "load_reports:unload",
    "import": "import_resources:import_resources",
    "remap": "remap:remap",
    "table": "table:table",
    "serve": "serve:serve",
    "worker": "worker:worker",
    "export": "export:export",
    "clients": "clients:app",
    "audit": "audit:app",
    "validate": "validate:validate",
    "structure-map": "structure_maps:structure_map",
    "project": "research_events:project",
    "migrate": "store:migrate",
    "doctor": "doctor:doctor",
    "backup": "backup:backup",
    "reindex": "store:reindex",
    "openapi": "openapi:openapi",
}
"""Module and member of each, in the order in which --help lists them."""


def command_line(arguments: Collection[str] = ()) -> typer.Typer:
    """The command of the first argument, or all of them where it is none."""
    first = next(iter(arguments), "")
    app = typer.Typer(
        name="fhir-service",
        help="Read case reports about complications after vertebroplasty and kyphoplasty, map them to FHIR R4, store "
        "and serve them.\n\nStart with `fhir-service map REPORT.txt` to see what a report becomes, then "
        "`fhir-service load FOLDER` and `fhir-service serve`. Settings are environment variables that begin with "
        "FHIR_SERVICE_ (docs/howto/settings.md).",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    app.callback()(_options)
    for name in [first] if first in _MODULES else _MODULES:
        module, _, member = _MODULES[name].partition(":")
        found = getattr(import_module(f"fhir_service.cli.{module}"), member)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fhir-service {__version__}")
        raise typer.Exit


def _options(
    _: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """Options that stand before the command."""
