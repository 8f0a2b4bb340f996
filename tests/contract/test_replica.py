"""A read replica answers while it is near, and nobody sees less than they have: a real standby, held up at will."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from postgres import PostgresServer
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import NotFound
from fhir_service.storage.database import CommitUncertain
from fhir_service.storage.export_pages import Extent
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.repository import Create, ReplicaAt, Repository, open_repository

LAG = 0.2


@pytest.fixture(scope="module")
def primary(own_postgresql: PostgresServer) -> PostgresServer:
    return own_postgresql


@pytest_asyncio.fixture(scope="module")
async def standby(primary: PostgresServer) -> AsyncIterator[PostgresServer]:
    await (await open_repository(primary.url("postgres"))).close()  # the tables, before they are copied
    server = PostgresServer(settings=("fsync=off", "shared_buffers=16MB"))
    server.follow(primary)
    yield server
    server.stop()


@pytest_asyncio.fixture
async def repository(primary: PostgresServer, standby: PostgresServer) -> AsyncIterator[Repository]:
    at = ReplicaAt(standby.url("postgres"), LAG)
    opened = await open_repository(primary.url("postgres"), replica=at)
    yield opened
    await tell(standby, "SELECT pg_wal_replay_resume()")
    await opened.close()


async def tell(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn())
    await connection.execute(statement)
    await connection.close()


async def stop_repeating(standby: PostgresServer) -> None:
    await tell(standby, "SELECT pg_wal_replay_pause()")
    connection = await asyncpg.connect(standby.dsn())
    while await connection.fetchval("SELECT pg_get_wal_replay_pause_state()") != "paused":  # noqa: ASYNC110  # another process's state
        await asyncio.sleep(0.01)
    await connection.close()


async def until_near(repository: Repository, *, near: bool = True) -> None:
    replica = repository._database._replica
    assert replica is not None
    async with asyncio.timeout(30):
        while replica.is_near() != near:  # noqa: ASYNC110  # it is as near as the clock says
            await asyncio.sleep(0.01)


async def is_standby(repository: Repository) -> bool:
    async with repository._database.showing() as session:
        ((answered,),) = await session.fetch("SELECT pg_is_in_recovery()")
    return bool(answered)


async def test_what_was_written_here_is_seen_at_once_and_the_replica_answers_when_it_has_it(
    repository: Repository, standby: PostgresServer
) -> None:
    await until_near(repository)
    assert await is_standby(repository)
    await stop_repeating(standby)
    await repository.commit([Create("Patient", patient(), "seen-at-once")], OPEN)
    assert not await is_standby(repository)
    assert (await repository.read("Patient", "seen-at-once", OPEN)).version == 1
    await tell(standby, "SELECT pg_wal_replay_resume()")
    await until_near(repository)
    assert await is_standby(repository)
    assert (await repository.read("Patient", "seen-at-once", OPEN)).version == 1


async def test_a_commit_whose_end_nobody_saw_is_looked_for_where_it_would_be(
    repository: Repository, standby: PostgresServer
) -> None:
    await repository.commit([Create("Patient", patient(), "seen-to-its-end")], OPEN)
    await until_near(repository)
    await stop_repeating(standby)
    session = repository._database._writer
    assert session is not None
    fetch = session.fetch

    async def lose_the_end(statement: str, *values: object) -> object:
        with unavailable_told():
            found = await fetch(statement, *values)
            if statement == "COMMIT":
                raise ConnectionResetError
            return found

    session.fetch = lose_the_end  # type: ignore[method-assign]  # a connection that breaks behind its commit
    with pytest.raises(CommitUncertain):
        await repository.commit([Create("Patient", patient(), "uncertain")], OPEN)
    assert (await repository.read("Patient", "uncertain", OPEN)).version == 1


async def test_a_replica_that_falls_behind_is_not_asked_for_what_another_process_wrote(
    repository: Repository, primary: PostgresServer, standby: PostgresServer
) -> None:
    await until_near(repository)
    await stop_repeating(standby)
    other = await open_repository(primary.url("postgres"))
    await other.commit([Create("Patient", patient(), "of-another-process")], OPEN)
    await until_near(repository, near=False)
    assert (await repository.read("Patient", "of-another-process", OPEN)).version == 1
    await other.close()


async def test_an_export_is_of_the_replica_only_when_it_has_come_to_its_place(
    repository: Repository, standby: PostgresServer
) -> None:
    await until_near(repository)
    await stop_repeating(standby)
    await repository.commit([Create("Patient", patient(), "just-before")], OPEN)
    job = await repository.jobs.begin("of-a-test", "", "{}", [], most=9)
    extent = Extent("Patient", job.place, job.moment, last=2**62)
    found = await repository.exports.lines(extent, 0, 1000)
    assert b'"just-before"' in b"".join(found.pieces)
    replica = repository._database._replica
    assert replica is not None
    assert not replica.has_come_to(job.place)
    await tell(standby, "SELECT pg_wal_replay_resume()")
    await until_near(repository)
    assert replica.has_come_to(job.place)
    assert (await repository.exports.lines(extent, 0, 1000)).pieces == found.pieces


async def test_a_replica_that_is_gone_is_replaced_by_the_primary(
    primary: PostgresServer, standby: PostgresServer
) -> None:
    gone = ReplicaAt("postgresql+asyncpg://postgres@127.0.0.1:1/postgres", LAG)
    repository = await open_repository(primary.url("postgres"), replica=gone)
    with pytest.raises(NotFound):
        await repository.read("Patient", "nobody", OPEN)
    assert not await is_standby(repository)
    await repository.close()
    del standby
