"""smart-fetch and cumulus-library from PyPI: an export as a hospital's analysts would fetch and read it.

They have an environment of their own (`make test-bulk-clients`), whose `bin` stands in BULK_CLIENTS.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from command import COMMAND
from served_command import served
from smart_client import EC, JWKS

from fhir_service.fhir.access import OPEN
from fhir_service.search.query import parse_query
from fhir_service.storage.clients import Client
from fhir_service.storage.repository import Create, open_repository

ROOT = Path(__file__).parents[2]
CLIENTS = Path(os.environ.get("BULK_CLIENTS", ""))
TYPES = ("Condition", "Observation", "Patient", "Procedure")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (CLIENTS / "smart-fetch").exists(), reason="wants BULK_CLIENTS (make test-bulk-clients)"),
]
COUNTS = """
import duckdb, sys
store = duckdb.connect(sys.argv[1], read_only=True)
for kind in ("condition", "observation", "procedure"):
    print(kind.capitalize(), *store.execute(f"select count(distinct id) from core__{kind}").fetchone())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bulk-clients")
    (made / "key.jwks").write_text(
        json.dumps({"keys": [{**EC.as_dict(private=True), "kid": "ec", "alg": "ES384", "key_ops": ["sign"]}]})
    )
    return made


@pytest_asyncio.fixture(scope="module")
async def database(lasting_database: Callable[[str], str]) -> AsyncIterator[str]:
    """The seeds, a Group of all their patients, and a client that may read everything."""
    url = lasting_database("sqlite")
    loading = {**os.environ, "FHIR_SERVICE_DATABASE_URL": url}
    load = [COMMAND, "load", ROOT / "seeds"]
    await asyncio.to_thread(subprocess.run, load, env=loading, check=True, capture_output=True)
    store = await open_repository(url)
    await store.clients.add(Client("analyst", "", "system/*.rs", jwks=json.dumps(JWKS)))
    page = await store.search(parse_query("Patient", [("_count", "1000")]), OPEN)
    members = [{"entity": {"reference": f"Patient/{one.id}"}} for one in page.matches]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
    await store.commit([Create("Group", json.dumps(group).encode(), "cohort")], OPEN)
    await store.close()
    yield url


@pytest.fixture(scope="module")
def base(database: str, folder: Path) -> Iterator[str]:
    yield from served(database, folder, FHIR_SERVICE_ACCESS="smart", FHIR_SERVICE_EXPORT_FILES=str(folder / "made"))


def said(*command: object) -> str:
    """What it prints, which is shown too."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600, check=False)
    print(f"\n$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def resources(folder: Path) -> list[str]:
    """The lines of a folder, packed or not, in one order."""
    packed = [gzip.decompress(file.read_bytes()) for file in folder.glob("[A-Z]*.ndjson.gz")]
    plain = [file.read_bytes() for file in folder.glob("[A-Z]*.ndjson")]
    lines = [line for text in (*packed, *plain) for line in text.splitlines()]
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in lines)


def test_smart_fetch_brings_what_our_own_client_brings_and_cumulus_reads_it(base: str, folder: Path) -> None:
    by_key = ("--smart-client-id", "analyst", "--smart-key", folder / "key.jwks")
    wanted = ("--group", "cohort", "--type", ",".join(TYPES), "--no-default-filters")
    text = said(CLIENTS / "smart-fetch", "bulk", "--fhir-url", base, *by_key, *wanted, folder / "fetched")
    assert "Done" in text
    types = [word for kind in TYPES for word in ("--type", kind)]
    key = ("--client-id", "analyst", "--key", folder / "key.jwks")
    said(COMMAND, "export", folder / "own", "--server", base, *key, "--group", "cohort", *types)
    fetched = resources(folder / "fetched")
    assert fetched == resources(folder / "own")
    counts = {kind: sum(f'"resourceType": "{kind}"' in line for line in fetched) for kind in TYPES}
    assert min(counts.values()) > 10

    database = folder / "cumulus.db"
    build = ("build", "--db-type", "duckdb", "--database", database, "--load-ndjson-dir", folder / "fetched")
    said(CLIENTS / "cumulus-library", *build, "--target", "core", folder / "counts")
    read = dict(line.split() for line in said(CLIENTS / "python", "-c", COUNTS, database).splitlines())
    assert {kind: int(count) for kind, count in read.items()} == {kind: counts[kind] for kind in read}
