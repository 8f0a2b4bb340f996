"""The schema: made by migrations, alike in the tables of the code, safe to make from several processes at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from fhir_service.fhir.access import OPEN
from fhir_service.storage import migrate, tables
from fhir_service.storage.engines import UnusableDatabaseUrl, open_engine
from fhir_service.storage.migrate import NewerDatabase
from fhir_service.storage.migrations import LATEST
from fhir_service.storage.repository import Create, open_repository


async def test_the_migrations_make_the_tables_of_the_code(database_url: str, database: str) -> None:
    def belongs(item: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
        if database == "sqlite" and (name or "").startswith("full_text"):  # FTS5 keeps tables of its own
            return False
        return item.info.get(tables.ON_DATABASE, database) == database and (name or "")[-2:-1] != "_"

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_object": belongs, "compare_type": True})
        found: list[Any] = compare_metadata(context, SQLModel.metadata)
        return found

    engine = open_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_the_latest_revision_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.Path(migrate.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == LATEST


async def test_an_empty_database_is_made_ready_by_many_at_once(empty_database_url: str) -> None:
    stores = await asyncio.gather(*(open_repository(empty_database_url) for _ in range(4)))
    await asyncio.gather(*(store.commit([Create("Patient", b'{"resourceType":"Patient"}')], OPEN) for store in stores))
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_database_of_a_later_release_is_refused(database_url: str) -> None:
    engine = open_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(NewerDatabase, match="9999"):
        await open_repository(database_url)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_rows_of_a_patient_lie_in_one_partition(database_url: str) -> None:
    store = await open_repository(database_url)
    subject = b'{"resourceType":"Observation","subject":{"reference":"Patient/p1"}}'
    await store.commit([Create("Patient", b'{"resourceType":"Patient"}', "p1"), Create("Observation", subject)], OPEN)
    await store.close()
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        for table in ("resource_current", "resource_version"):
            rows = await connection.execute(
                text(f"SELECT DISTINCT tableoid::regclass::text, partition_key FROM {table}")
            )
            assert [partition_key for _, partition_key in rows] == ["p1"]
    await engine.dispose()


@pytest.mark.parametrize("url", ["", "mysql://x", "sqlite:///x.db", "postgresql://x/y", "sqlite+aiosqlite://"])
async def test_a_url_of_no_database_of_ours_is_refused_in_words(url: str) -> None:
    with pytest.raises(UnusableDatabaseUrl, match="the database URL"):
        await open_repository(url)
