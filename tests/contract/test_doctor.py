"""`fhir-service doctor` says what is wrong with a service, and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from stored_resources import observation, patient
from typer.testing import CliRunner

from fhir_service.cli.commands import command_line
from fhir_service.fhir.access import OPEN
from fhir_service.storage.checks.database_points import points_of
from fhir_service.storage.checks.point import Point
from fhir_service.storage.engines import open_engine
from fhir_service.storage.repository import Create, open_repository

YEAR = 366 * 86_400_000


async def wrong_with(database_url: str) -> dict[str, Point]:
    """What is not good, by name."""
    return {point.name: point async for point in points_of(database_url) if point.state != "good"}


async def change(database_url: str, statement: str) -> None:
    engine = open_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_nothing_is_wrong_with_a_new_store_and_a_commit_of_the_future_and_another_index_are_told(
    database_url: str,
) -> None:
    await (await open_repository(database_url)).index.renew()
    assert await wrong_with(database_url) == {}
    await change(database_url, f"UPDATE commit_clock SET last_updated = {time.time_ns() // 1_000_000 + YEAR}")
    await change(database_url, "UPDATE index_state SET fingerprint = 'older'")
    wrong = await wrong_with(database_url)
    assert "set back" in wrong["order"].text
    assert wrong["search index"].advice == "`fhir-service reindex`"
    await change(database_url, "UPDATE alembic_version SET version_num = '0001'")
    assert (await wrong_with(database_url))["schema"].advice == "`fhir-service migrate`"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_server_that_loses_commits_or_takes_none_is_told(database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    wrong = await wrong_with(database_url)
    assert {"fsync", "full_page_writes"} <= {one for one, point in wrong.items() if point.state == "bad"}
    await change(database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        wrong = await wrong_with(database_url)
    finally:
        await change(database_url.replace(name, "postgres"), f"ALTER DATABASE {name} RESET ALL")
    assert "replica" in wrong["transaction_read_only"].text
    assert wrong["writing"].state == "bad"


async def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    for url in (f"sqlite+aiosqlite:///{tmp_path}/none/store.db", "postgresql+asyncpg://nobody@127.0.0.1:1/x", "what?"):
        wrong = await wrong_with(url)
        assert list(wrong) == ["database"]
        assert wrong["database"].advice
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_looks_through_the_store_and_its_exit_code_tells(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill() -> None:
        store = await open_repository(database_url)
        await store.index.renew()
        await store.commit([Create("Patient", patient(), "p1"), Create("Observation", observation(), "o1")], OPEN)
        await store.close()

    asyncio.run(fill())
    monkeypatch.setenv("FHIR_SERVICE_DATABASE_URL", database_url)
    monkeypatch.setenv("FHIR_SERVICE_EXPORT_FILES", str(tmp_path / "exports"))
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM link")
    done = CliRunner().invoke(command_line(), ["doctor", "--deep"])
    assert done.exit_code == 1
    assert {line.split()[1] for line in done.output.splitlines() if line.startswith("BAD")} == {"index"}
    assert "Observation/o1: link: " in done.output
    assert "looking through resources: 2" in done.output
    assert "fhir-service reindex" in done.output
    monkeypatch.setenv("FHIR_SERVICE_EXPORT_FILES", "/proc/nothing")
    monkeypatch.setenv("FHIR_SERVICE_ACCESS", "smart")
    monkeypatch.setenv("FHIR_SERVICE_TOKEN_KEY_FILE", str(tmp_path / "none.pem"))
    done = CliRunner().invoke(command_line(), ["doctor"])
    assert done.exit_code == 1
    assert {line.split()[1] for line in done.output.splitlines() if line.startswith("BAD")} == {"keys", "export"}
    monkeypatch.setenv("FHIR_SERVICE_PRT", "80")
    done = CliRunner().invoke(command_line(), ["doctor"])
    assert (done.exit_code, "FHIR_SERVICE_PORT" in done.output) == (1, True)
