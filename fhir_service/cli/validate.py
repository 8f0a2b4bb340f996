"""The command `validate`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import contextlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, settings_or_stop, stop
from fhir_service.cli.ctrl_c import CtrlC
from fhir_service.fhir.errors import FhirError

if TYPE_CHECKING:
    pass


class FindingsForm(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """How severe a finding is; fatal ones are errors too."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


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

    settings = settings_or_stop()
    try:
        question = Question(settings.base, profile, read_definitions(definitions or ()), must_support=must_support)
        Conformance(question.base, question.definitions)
    except OSError as error:
        stop(f"{error.filename}: it cannot be read ({error.strerror})")
    except FhirError as error:
        stop(str(error))
    found, tally = list(named_files(files)), Tally()
    results = judge_all(texts_of(found, max_bytes=settings.max_body_bytes), question, workers)
    with CtrlC() as pressed, contextlib.closing(results), progress_of(errors, total_size(found)) as progress:
        told = pressed.between(results)
        show(told, tally, as_json=form is FindingsForm.JSON, level=level, quiet=quiet, progress=progress)
    for line in tally.lines():
        errors.print(line)
    if pressed:
        errors.print("Stopped before the end; this is what was found until then.")
        raise typer.Exit(130)
    raise typer.Exit(tally.exit_code(fail_on))
