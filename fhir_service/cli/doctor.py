"""The command `doctor`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, progress_bar
from fhir_service.settings import Settings, read_settings

if TYPE_CHECKING:
    from fhir_service.storage.checks.point import Point

_SHOWN = 20
"""Disagreements of a kind that are listed."""
_MARKS = {"good": "ok", "doubtful": "?", "bad": "BAD"}


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Look through the whole store too; the service may run meanwhile.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="With --deep: list all that is found, not the first of a kind.")
    ] = False,
) -> None:
    """Say how the service is, and what to do where something is wrong.

    Looks at settings, database, schema, disk, durability, clock, index, definitions, keys and files. --deep holds every
    resource against its history, its index rows, its references and its source text, page by page in little memory.
    Exit code 0: nothing is wrong; 1: something is.
    """
    try:
        settings = read_settings()
    except ValueError as error:
        typer.echo(_line("BAD", "settings", f"{error} (docs/howto/settings.md)"))
        raise typer.Exit(1) from None
    typer.echo(_line("ok", "settings", "can be read"))
    wrong = asyncio.run(_points(settings))
    if deep and not wrong:
        wrong = asyncio.run(_disagreements(settings, _SHOWN if not every else None))
    elif deep:
        typer.echo("The store is looked through when this is mended.")
    raise typer.Exit(int(wrong))


async def _points(settings: Settings) -> bool:
    """Whether one is bad."""
    from fhir_service.workflows.examine_service import examined

    found = [_key(settings)]
    _show(found[0])
    async for point in examined(settings.database_url, settings.base, settings.registry_contact, settings.export_files):
        _show(point)
        found.append(point)
    return any(point.state == "bad" for point in found)


def _key(settings: Settings) -> Point:
    from fhir_service.api.auth.tokens import UnusableTokenKey, token_key
    from fhir_service.storage.checks.point import Point

    try:
        token_key(settings.token_key_file)
    except UnusableTokenKey as error:
        return Point("keys", "bad", str(error), "set FHIR_SERVICE_TOKEN_KEY_FILE (docs/howto/access.md)")
    if settings.access == "open":
        return Point("keys", "good", "none are needed: access is open, on this machine only")
    if not settings.token_key_file:
        advice = "set FHIR_SERVICE_TOKEN_KEY_FILE (docs/howto/access.md)"
        return Point("keys", "doubtful", "tokens end with the process, and no other process takes them", advice)
    return Point("keys", "good", "tokens are signed by the key of FHIR_SERVICE_TOKEN_KEY_FILE")


async def _disagreements(settings: Settings, shown: int | None) -> bool:
    """List them, and tell whether there are any but notes."""
    from fhir_service.storage.checks.disagreement import MEND, NOTES, Kind
    from fhir_service.storage.checks.whole_store import disagreements

    number: Counter[Kind] = Counter()
    progress = progress_bar()
    bar = progress.add_task("")

    def told(part: str, done: int, total: int) -> None:
        if done == 0:
            errors.print(f"looking through {part}: {total:,}")
        progress.update(bar, description=part, completed=done, total=max(done, total))

    looked = disagreements(settings.database_url, base=settings.own_address, told=told)
    async with aclosing(looked) as found:
        with progress:
            async for one in found:
                number[one.kind] += 1
                if shown is None or number[one.kind] <= shown:
                    typer.echo(_line("note" if one.kind in NOTES else "BAD", one.kind, f"{one.about}: {one.text}"))
    for kind, total in number.items():
        advice = f"; {MEND[kind]}" if kind in MEND else ""
        typer.echo(_line("note" if kind in NOTES else "BAD", kind, f"{total} in all{advice}"))
    if not number:
        typer.echo(_line("ok", "store", "every resource agrees with its history, its index and its source"))
    return bool(number.keys() - NOTES)


def _show(point: Point) -> None:
    advice = f"; {point.advice}" if point.advice else ""
    typer.echo(_line(_MARKS[point.state], point.name, point.text + advice))


def _line(mark: str, name: str, text: str) -> str:
    return f"{mark:<4} {name:<18} {text}"
