"""The command `project`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository
from fhir_service.fhir.errors import FhirError

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository


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

    settings, counted = settings_or_stop(), Counted()
    if (file is None) is not store:
        stop("say what to project: a FILE, or --store for every adverse event of the store")

    def show(bundle: dict[str, Any]) -> None:
        counted.add(bundle)
        sys.stdout.buffer.write(encode(bundle) + b"\n")

    async def work(repository: Repository) -> None:
        async for bundle in project_all(repository, OPEN, address=settings.own_address, base=settings.base):
            show(bundle)

    if file is None:
        with_repository(settings, work)
    else:
        try:
            show(project_file(file, max_bytes=settings.max_body_bytes, base=settings.base))
        except FhirError as error:
            stop(f"{file}: {'; '.join(issue.text for issue in error.issues[:5])}")
    errors.print(counted.text())
