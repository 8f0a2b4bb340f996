"""The command `structure-map`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, settings_or_stop

if TYPE_CHECKING:
    pass


class MapForm(StrEnum):
    """The two forms of a map."""

    TEXT = "text"
    JSON = "json"


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

    settings = settings_or_stop()
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
