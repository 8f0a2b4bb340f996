"""The command `table`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    pass


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

    settings = settings_or_stop()
    artifacts = catalogue(settings.base)
    if out.suffix.lower() not in FORMATS:
        stop(f"{out}: the name of a table ends in {' or '.join(FORMATS)}")
    try:
        if bundle:
            rows = asyncio.run(write_registry_table(out, bundled_resources(bundle), artifacts, errors.print))
        else:
            rows = with_repository(
                settings,
                lambda store: write_registry_table(out, stored_resources(store, artifacts), artifacts, errors.print),
            )
    except (UnreadableBundleError, OSError) as error:
        stop(str(error))
    errors.print(f"{rows} {'row' if rows == 1 else 'rows'} written to {out}.")
