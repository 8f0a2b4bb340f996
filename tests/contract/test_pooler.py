"""The store through a pooler that gives each transaction another connection: pgbouncer, where it is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import PostgresServer
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import NotFound
from fhir_service.search.query import Query, TypeSearch
from fhir_service.storage.engines import UnusableDatabaseUrl
from fhir_service.storage.repository import Create, Delete, open_repository

PGBOUNCER = shutil.which("pgbouncer")
CONFIGURATION = """
[databases]
postgres = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_round_robin = 1
"""


@pytest.fixture
def pooler(own_postgresql: PostgresServer, tmp_path: Path) -> Iterator[int]:
    """The port of a pgbouncer whose three connections take turns."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed (Debian: apt install pgbouncer)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    file = tmp_path / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(server=own_postgresql.port, port=port))
    nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    process = subprocess.Popen([PGBOUNCER, "-q", *nobody, file])
    deadline = time.monotonic() + 30
    while not _answers(port) and time.monotonic() < deadline:
        assert process.poll() is None, "pgbouncer does not start"
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(timeout=30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_reads_writes_searches_and_work_need_nothing_of_a_session(pooler: int) -> None:
    url = f"postgresql+asyncpg://postgres@127.0.0.1:{pooler}/postgres?pooler=transaction"
    repository = await open_repository(url)
    for number in range(8):
        await repository.commit([Create("Patient", patient(gender="female"), f"p{number}")], OPEN)
        assert (await repository.read("Patient", f"p{number}", OPEN)).version == 1
    found = await repository.search(Query((TypeSearch("Patient"),)), OPEN)
    assert len(found.matches) == 8
    assert await repository.count(Query((TypeSearch("Patient"),)), OPEN) == 8
    assert len(await repository.everything("p1", OPEN)) == 1
    await repository.commit([Delete("Patient", "p0")], OPEN)
    with pytest.raises(NotFound):
        await repository.read("Patient", "p9", OPEN)
    assert await repository.index.renew() == 8
    await repository.close()


async def test_another_word_for_the_pooler_is_refused() -> None:
    with pytest.raises(UnusableDatabaseUrl, match="pooler=transaction"):
        await open_repository("postgresql+asyncpg://postgres@127.0.0.1:1/postgres?pooler=statement")
