"""The commands `migrate` and `reindex`."""

# `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

from typing import TYPE_CHECKING

from fhir_service.cli.console import errors, progress_bar, settings_or_stop, with_repository

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository


def migrate() -> None:
    """Bring the database to the present schema and stop. Every other command that needs it does so by itself."""
    with_repository(settings_or_stop(), _nothing)
    errors.print("The database is up to date.")


def reindex() -> None:
    """Make what searches look up anew for every stored resource, after search parameters have changed.

    The service may run meanwhile. Run again after it was stopped, it goes on where it was.
    """

    async def work(repository: Repository) -> int:
        with progress_bar() as progress:
            task = progress.add_task("Indexing", total=None)
            return await repository.index.renew(lambda done, total: progress.update(task, completed=done, total=total))

    done = with_repository(settings_or_stop(), work)
    errors.print(f"{done} resources indexed.")


async def _nothing(_: Repository) -> None:
    """Opening the store is all: it brings the schema up to date."""
