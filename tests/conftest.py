"""Databases for the tests: every case that takes `database_url` or `repository` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import settings
from postgres import PostgresServer
from sqlmodel import SQLModel

from fhir_service.storage.repository import Repository, open_repository
from fhir_service.storage.tables import ON_DATABASE

# The same examples every time: a search for new ones belongs to a run of its own (HYPOTHESIS_PROFILE=default).
settings.register_profile("repeatable", derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
# Processes that tests start find our modules compiled: to do that takes each of them half a second of the processor.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
_TEMPLATE = "migrated"
_numbers = itertools.count(1)
_emptied: list[str] = []
"""Databases on the server that can be had again."""
_BORN_WITH_ROWS = ("alembic_version", "commit_clock", "index_state")
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


COLLECTED = pytest.StashKey[list[pytest.Item]]()
"""All tests that were found, those included that are left out later."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[COLLECTED] = list(items)


@pytest.fixture(scope="session")
def collected(pytestconfig: pytest.Config) -> list[pytest.Item]:
    return pytestconfig.stash[COLLECTED]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """One server for the whole session, or for each worker of pytest-xdist."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[PostgresServer]:
    """A small server for one module alone, which may do to it what others would notice."""
    server = PostgresServer(settings=("fsync=off", "shared_buffers=16MB"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PostgresServer) -> PostgresServer:
    """The server with a database to copy from, which has the newest schema."""
    _run(_execute(postgresql, f"CREATE DATABASE {_TEMPLATE}"))
    _run(_migrate(postgresql.url(_TEMPLATE)))
    return postgresql


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy from, which has the newest schema."""
    file = tmp_path_factory.mktemp("sqlite") / f"{_TEMPLATE}.db"
    _run(_migrate(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def lasting_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Makes a database, `sqlite` or `postgresql`, that stays for the whole session: its address."""

    def made(database: str) -> str:
        if database == "sqlite":
            file = tmp_path_factory.mktemp("lasting") / "store.db"
            shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
            return f"sqlite+aiosqlite:///{file}"
        server: PostgresServer = request.getfixturevalue("migrated_postgresql")
        name = f"lasting_{next(_numbers)}"
        _run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}"))
        return server.url(name)

    return made


@pytest.fixture(params=("sqlite", "postgresql"))
def database(request: pytest.FixtureRequest) -> str:
    """The name of the database a case runs on."""
    return str(request.param)


@pytest.fixture
def empty_database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if database == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"
    else:
        yield from _on_postgresql(request.getfixturevalue("postgresql"), "template1")


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the newest schema with nothing in it."""
    if database == "sqlite":
        file = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite+aiosqlite:///{file}"
    else:
        yield from _migrated_on_postgresql(request.getfixturevalue("migrated_postgresql"))


@pytest_asyncio.fixture
async def repository(database_url: str) -> AsyncIterator[Repository]:
    """An open store with nothing in it."""
    opened = await open_repository(database_url)
    try:
        yield opened
    finally:
        await opened.close()


def _on_postgresql(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"case_{next(_numbers)}"
    _run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield server.url(name)
    _run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


def _migrated_on_postgresql(server: PostgresServer) -> Iterator[str]:
    """A database of an earlier case, emptied: to copy hundreds of files for each case takes longer than most cases."""
    if _emptied:
        name = _emptied.pop()
    else:
        name = f"case_{next(_numbers)}"
        _run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}"))
    yield server.url(name)
    try:
        _run(_empty(server, name))
    except asyncpg.PostgresError:  # the case did something to its tables
        _run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))
    else:
        _emptied.append(name)


async def _empty(server: PostgresServer, name: str) -> None:
    """As it was born: nothing but the rows that the migrations put there."""
    born = await asyncpg.connect(server.dsn(_TEMPLATE))
    try:
        rows = {table: await born.fetch(f"SELECT * FROM {table}") for table in _BORN_WITH_ROWS}
    finally:
        await born.close()
    connection = await asyncpg.connect(server.dsn(name))
    try:
        await connection.execute(_END_OTHERS)
        for table in SQLModel.metadata.sorted_tables:
            if table.info.get(ON_DATABASE, "postgresql") == "postgresql":
                await connection.execute(f"DELETE FROM {table.name}")
        for table, held in rows.items():
            await connection.execute(f"DELETE FROM {table}")
            for row in held:
                places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
                await connection.execute(f"INSERT INTO {table} VALUES ({places})", *row)
    finally:
        await connection.close()


async def _migrate(url: str) -> None:
    await (await open_repository(url)).close()


async def _execute(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a loop of its own, so that fixtures of every scope and kind can use it."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
