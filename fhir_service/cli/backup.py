"""The command `backup`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_service.cli.console import errors, settings_or_stop, stop
from fhir_service.fhir.errors import StoreUnavailable


def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.", metavar="FILE")]) -> None:
    """Copy a SQLite store to one file, while the service runs.

    The copy is one state of the store. FHIR_SERVICE_DATABASE_URL can name it at once. PostgreSQL has pg_dump; how to
    restore either is in docs/howto/backup.md.
    """
    from fhir_service.storage.backup import NoBackup, back_up
    from fhir_service.storage.engines import UnusableDatabaseUrl

    settings = settings_or_stop()
    try:
        size = back_up(settings.database_url, file)
    except (NoBackup, UnusableDatabaseUrl) as error:
        stop(str(error))
    except StoreUnavailable as error:
        stop(f"{file} cannot be written from the store: {' '.join(getattr(error, '__notes__', ()))}")
    errors.print(f"{size / 1024**2:.1f} MiB written to {file}.")
