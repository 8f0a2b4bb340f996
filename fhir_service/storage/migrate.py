"""Bring a database to the schema of this release, also when several processes start at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.storage.migrations import LATEST

_ATTEMPTS = 100
_one_at_a_time = asyncio.Lock()
"""Alembic keeps the migration that runs in a global of the process."""
_LOCK = 0x66686972
"""Key of the advisory lock on PostgreSQL."""


class NewerDatabase(Exception):
    """The database was made by a later release."""


async def bring_up_to_date(engine: AsyncEngine) -> None:
    """Run the migrations that are missing, all or none. Raises NewerDatabase.

    Whoever comes second waits for the first: on PostgreSQL at an advisory lock, on SQLite at the write lock.
    """
    if engine.dialect.name == "sqlite":
        await _use_write_ahead_log(engine)
    async with engine.connect() as connection:
        if await connection.run_sync(revision_of) == LATEST:
            return
    async with _one_at_a_time, engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        else:
            await connection.execute(text("BEGIN IMMEDIATE"))
        await connection.run_sync(_upgrade)
        await connection.commit()


async def _use_write_ahead_log(engine: AsyncEngine) -> None:
    """A property of the file, kept for good. SQLite does not wait for others while it is changed, so we do."""
    for attempt in range(_ATTEMPTS):
        try:
            async with engine.connect() as connection:
                await connection.execute(text("PRAGMA journal_mode=WAL"))
        except OperationalError:
            if attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.05)
        else:
            return


def revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  # Alembic takes longer to import than an up-to-date database to open
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise NewerDatabase(
            f"the database has the schema {revision_of(connection)}, this release knows up to {LATEST}; install the "
            "release that made it"
        ) from error
