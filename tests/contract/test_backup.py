"""A backup that was made under load is one state of the store, and the restored store answers the same."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from postgres import PostgresServer
from sqlalchemy import text
from stored_resources import observation, patient
from stored_writes import problems
from typer.testing import CliRunner

from fhir_service.cli.commands import command_line
from fhir_service.fhir.access import OPEN
from fhir_service.storage.backup import NoBackup, back_up
from fhir_service.storage.engines import open_engine
from fhir_service.storage.export_pages import Extent
from fhir_service.storage.repository import Create, Delete, Repository, Update, open_repository


async def write(repository: Repository, name: str, written: list[str], ended: asyncio.Event) -> None:
    number = 0
    while not ended.is_set():
        number += 1
        one = f"{name}-{number}"
        await repository.commit([Create("Patient", patient(), one), Update("Observation", name, observation())], OPEN)
        if number % 3 == 0:
            await repository.commit([Delete("Patient", f"{name}-{number - 1}")], OPEN)
        written.append(one)


async def clock_of(database_url: str) -> tuple[int, int]:
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        place, moment = (await connection.execute(text("SELECT place, last_updated FROM commit_clock"))).one()
    await engine.dispose()
    return place, moment


async def exported(repository: Repository, place: int, moment: int) -> str:
    """The hash of all that an export gives, as it was at a place."""
    whole = hashlib.sha256()
    for kind in ("Observation", "Patient"):
        lines = await repository.exports.lines(Extent(kind, place, moment, last=place), 0, 1_000_000)
        whole.update(b"\n".join(sorted(b"".join(lines.pieces).splitlines())))
    return whole.hexdigest()


async def restored_elsewhere(server: PostgresServer, database_url: str, file: Path, name: str) -> str:
    """What docs/howto/backup.md says: pg_dump, createdb, pg_restore."""
    old, new = (url.replace("+asyncpg", "") for url in (database_url, server.url(name)))
    await asyncio.to_thread(server.run, "pg_dump", "--format=custom", f"--file={file}", old)
    await asyncio.to_thread(server.run, "createdb", "--maintenance-db", server.dsn(), name)
    await asyncio.to_thread(server.run, "pg_restore", "--exit-on-error", f"--dbname={new}", str(file))
    return server.url(name)


async def test_a_store_that_is_restored_from_a_backup_under_load_answers_as_it_did(
    repository: Repository, database: str, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    written: list[str] = []
    ended = asyncio.Event()
    writers = [asyncio.create_task(write(repository, f"w{number}", written, ended)) for number in range(4)]
    while len(written) < 40:  # noqa: ASYNC110  # the tasks beside it write
        await asyncio.sleep(0)
    before = list(written)
    if database == "sqlite":
        file = tmp_path / "backup.db"
        assert await asyncio.to_thread(back_up, database_url, file) == file.stat().st_size
        restored_url = f"sqlite+aiosqlite:///{file}"
    else:
        server: PostgresServer = request.getfixturevalue("postgresql")
        restored_url = await restored_elsewhere(server, database_url, server.scratch / "backup", "restored")
    ended.set()
    await asyncio.gather(*writers)
    place, moment = await clock_of(restored_url)
    restored = await open_repository(restored_url)
    try:
        assert await exported(restored, place, moment) == await exported(repository, place, moment)
        found = await restored.newest([("Patient", name) for name in before], OPEN)
        assert len(found) == len(before)
        assert [one for one in await problems(restored_url) if one.kind != "reference"] == []
        (outcome,) = await restored.commit([Create("Patient", patient(), "after")], OPEN)
        assert outcome.version == 1
    finally:
        await restored.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_writes_a_new_file_or_says_why_not(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHIR_SERVICE_DATABASE_URL", database_url)
    file = tmp_path / "backup.db"
    assert CliRunner().invoke(command_line(), ["backup", str(file)]).exit_code == 0
    saved = file.read_bytes()
    assert CliRunner().invoke(command_line(), ["backup", str(file)]).exit_code == 2
    assert CliRunner().invoke(command_line(), ["backup", str(tmp_path / "none" / "backup.db")]).exit_code == 2
    assert file.read_bytes() == saved
    with pytest.raises(NoBackup, match="pg_dump"):
        back_up("postgresql+asyncpg://localhost/x", file)
    assert sorted(name for name in os.listdir(tmp_path) if "part" in name) == []
