"""The command `import`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import contextlib
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository
    from fhir_service.workflows.import_files import Batch, Imported

_MOST_SHOWN = 20


def import_resources(
    paths: Annotated[
        list[str], typer.Argument(help="NDJSON files, folders, patterns, or - for standard input.", metavar="PATH...")
    ],
    *,
    workers: Annotated[int, typer.Option(help="Processes; 0 for as many as there are cores.", min=0)] = 0,
    error_file: Annotated[
        Path | None, typer.Option("--errors", help="Write an OperationOutcome for each refused line to this file.")
    ] = None,
) -> None:
    """Store resources as they are, under the ids they have. Importing the same again changes nothing.

    A file has a resource a line (.ndjson, .jsonl, also with .gz), or is one resource (.json, .xml); of a folder the
    former are read. Each is checked as a write is, and indexed. Files and lines may come in any order. A line that is
    refused does not stop the others. Exit code 0: all are stored; 1: some were refused; 2: it could not be done.
    """
    from fhir_service.fhir.access import Access
    from fhir_service.validate_output import progress_of
    from fhir_service.workflows.import_check import look_at_all
    from fhir_service.workflows.import_files import Imported, import_texts
    from fhir_service.workflows.publish_definitions import publish_definitions
    from fhir_service.workflows.resource_files import LINES, named_files, texts_of, total_size
    from fhir_service.workflows.worker_processes import cores

    settings = settings_or_stop()
    found, told = list(named_files(paths, LINES)), Imported()
    with contextlib.ExitStack() as opened:
        refused = _Refused(opened, error_file)
        progress = opened.enter_context(progress_of(errors, total_size(found), "Importing"))

        async def work(repository: Repository) -> None:
            fixed = await publish_definitions(repository, settings.base, settings.registry_contact)
            texts = texts_of(found, max_bytes=settings.max_body_bytes)
            look = partial(look_at_all, rules=settings.import_rules)
            beside = workers or cores()
            beside = beside if beside > 1 else 0
            run = import_texts(repository, texts, look, Access(fixed=fixed), workers=beside)
            async with contextlib.aclosing(run):
                async for batch in run:
                    batch.count(told)
                    refused.take(batch)
                    size = sum(one.size for one in batch.looked)
                    count = sum(told.stored.values())
                    progress.update(progress.task_ids[0], advance=size, description=f"{count:,} resources")

        stopped = False
        try:
            with_repository(settings, work)
        except KeyboardInterrupt:
            stopped = True
    _print(told, refused)
    if stopped:
        errors.print("Stopped before the end; what is counted here is stored, and the same command goes on.")
        raise typer.Exit(130)
    raise typer.Exit(1 if told.refused else 0)


class _Refused:
    """What was refused: every outcome to the file, the first few to be shown."""

    def __init__(self, opened: contextlib.ExitStack, file: Path | None) -> None:
        self.file = file
        self.shown: list[str] = []
        self.lines = 0
        try:
            self._out = None if file is None else opened.enter_context(file.open("wb"))
        except OSError as error:
            stop(f"{file}: it cannot be written ({error.strerror})")

    def take(self, batch: Batch) -> None:
        from fhir_service.fhir.outcomes import outcome_of_line

        for place, issues in sorted(batch.issues.items()):
            looked = batch.looked[place]
            self.lines += 1
            if self._out is not None:
                self._out.write(outcome_of_line(issues, looked.file, looked.line) + b"\n")
            elif len(self.shown) < _MOST_SHOWN:
                where = f"{looked.file}:{looked.line}" if looked.line else looked.file
                what = ": ".join(
                    filter(None, (issues[0].expression[0] if issues[0].expression else "", issues[0].text))
                )
                self.shown.append(" ".join(f"{where}: {what}".split()))
        if self._out is not None:
            self._out.flush()


def _print(told: Imported, refused: _Refused) -> None:
    for line in refused.shown:
        errors.print(line)
    if refused.lines > len(refused.shown):
        where = f"{refused.file} has them" if refused.file else "--errors FILE has all of them"
        errors.print(f"{refused.lines - len(refused.shown):,} more were refused; {where}." if refused.shown else where)
    by_type: Counter[str] = Counter()
    for (_, kind), count in told.stored.items():
        by_type[kind] += count
    for kind, count in sorted(by_type.items()):
        errors.print(f"  {count:>11,}  {kind}")
    actions = ", ".join(f"{told.of(action):,} {action}" for action in ("created", "updated", "unchanged"))
    errors.print(f"{by_type.total():,} resources imported: {actions}; {told.refused:,} refused.")
