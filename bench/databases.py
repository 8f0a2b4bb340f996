"""Databases to measure on: a SQLite file and a PostgreSQL that syncs to disk, both thrown away at the end."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    # What a database finds out about its rows by itself within a minute, it finds out before it is measured.
    server = PostgresServer(settings=("shared_buffers=256MB", "max_wal_size=4GB", "autovacuum_naptime=1s"))
    try:
        server.start()
        yield server.url("postgres")
    finally:
        server.stop()
