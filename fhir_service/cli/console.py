"""What a command prints to, its settings and store, and how it stops with one sentence."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fhir_service.fhir.errors import FhirError, StoreUnavailable

if TYPE_CHECKING:
    from fhir_service.settings import Settings
    from fhir_service.storage.repository import ReplicaAt, Repository

errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
T = TypeVar("T")


def progress_bar() -> Progress:
    """How far a run is, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def with_repository(
    settings: Settings, work: Callable[[Repository], Awaitable[T]], *, replica: ReplicaAt | None = None
) -> T:
    """What `work` gives with the store open; what is wrong with the store stops the command."""
    from fhir_service.storage.engines import UnusableDatabaseUrl
    from fhir_service.storage.migrate import NewerDatabase
    from fhir_service.storage.repository import open_repository

    async def run() -> T:
        repository = await open_repository(settings.database_url, base=settings.own_address, replica=replica)
        try:
            return await work(repository)
        finally:
            await repository.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        reason = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        database = re.sub(r"://[^@/]*@", "://…@", settings.database_url)
        stop(f"the database {database} cannot be used{reason}")
    except (FhirError, UnusableDatabaseUrl, NewerDatabase) as error:
        stop(str(error))


def instant_or_stop(value: str) -> str:
    """The value of --recorded."""
    from fhir_service.fhir.primitives import is_instant

    if not is_instant(value):
        stop(f"--recorded wants a FHIR instant such as 2026-01-31T12:00:00Z, not '{value}'")
    return value


def settings_or_stop() -> Settings:
    """The settings of the environment."""
    from fhir_service.settings import read_settings

    try:
        return read_settings()
    except ValueError as error:
        stop(str(error))


def stop(message: str) -> NoReturn:
    """Say why, and end with exit code 2: not done."""
    errors.print(message)
    raise typer.Exit(2)
