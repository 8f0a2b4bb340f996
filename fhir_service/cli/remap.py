"""The command `remap`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import settings_or_stop, stop, with_repository
from fhir_service.cli.report_arguments import source_key_of

if TYPE_CHECKING:
    pass


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

    settings = settings_or_stop()
    if changed := not_locked(Catalogue(mappings_root())):
        stop(f"{', '.join(changed)}: changed, but not its version, so Provenance could not tell (`make versions`)")
    remapping = Remapping(
        settings.base,
        map_library(settings.base),
        every,
        reread,
        overwrite,
        apply,
        settings.review_below,
        withhold=settings.source_text == "withhold",
    )
    keys = [source_key_of(one, settings) for one in source or ()]
    failed = with_repository(settings, lambda repository: remap_and_show(repository, keys, remapping, as_json=as_json))
    raise typer.Exit(1 if failed else 0)
