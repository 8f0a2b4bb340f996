"""Databases to measure on: a SQLite file and a PostgreSQL that syncs to disk, both thrown away at the end."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from postgres import PostgresServer  # the tests' own server

NAMES = ("sqlite", "postgresql")


@contextmanager
def database_url(name: str) -> Iterator[str]:
    """The URL of an empty database."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory(prefix="fhir-service-bench-") as folder:
            yield f"sqlite+aiosqlite:///{folder}/store.db"
        return
    server = PostgresServer(settings=("shared_buffers=256MB", "max_wal_size=4GB"))
    try:
        server.start()
        yield server.url("postgres")
    finally:
        server.stop()


def settle(url: str) -> None:
    """What autovacuum does in its time: statistics of the rows, and no pending entries in their indexes."""
    if url.startswith("postgresql"):
        asyncio.run(_vacuum(url.replace("+asyncpg", "")))


async def _vacuum(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
