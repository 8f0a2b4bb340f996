"""An export beside the rows themselves, read raw: `python bench/export.py [--json] [--full]`.

On each database the same small resources, as `$export` of a running server writes them to files and as a raw cursor
(SQLite) or COPY … TO STDOUT (PostgreSQL) gives them, in one run; what the server's memory grew by above what it had
before; and the wait for a read while it exports beside that without. A million resources with `--full`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import http_load
import httpx
from databases import NAMES, database_url, settle
from resources import observation, patient
from served import Server, ours

from fhir_service.fhir.json_text import instant
from fhir_service.storage.repository import open_repository
from fhir_service.storage.tables import ResourceCurrent, ResourceVersion

SOME, MANY = 100_000, 1_000_000
PAIRS = 3
READERS = 4
BATCH = 10_000
NOW = 1_790_000_000_000
SECONDS = 8.0
TYPES = "Observation,Patient"
QUERY = "SELECT text FROM resource_current WHERE type IN ('Observation', 'Patient') AND NOT deleted"


def filled(name: str, url: str, rows: int) -> int:
    """Write the rows of resources as a load would, without those of the index, which an export of everything does not
    ask; returns the bytes of the resources."""
    versions = [column.name for column in ResourceVersion.__table__.columns]
    current = [column.name for column in ResourceCurrent.__table__.columns]
    if name == "sqlite":
        connection = sqlite3.connect(url.partition("///")[2])
        size = 0
        for some in _batches(rows):
            size += sum(len(row["text"]) for row in some)
            for table, columns in (("resource_version", versions), ("resource_current", current)):
                places = ", ".join("?" * len(columns))
                values = [[row[column] for column in columns] for row in some]
                connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", values)
        connection.execute("UPDATE commit_clock SET place = ?, last_updated = ?", (rows, NOW))
        connection.commit()
        connection.close()
        return size
    return asyncio.run(_copied_in(url.replace("+asyncpg", ""), rows, versions, current))


async def _copied_in(url: str, rows: int, versions: list[str], current: list[str]) -> int:
    connection = await asyncpg.connect(url)
    size = 0
    try:
        for some in _batches(rows):
            size += sum(len(row["text"]) for row in some)
            for row in some:
                row["hashes"] = []
            for table, columns in (("resource_version", versions), ("resource_current", current)):
                records = [[row[column] for column in columns] for row in some]
                await connection.copy_records_to_table(table, records=records, columns=columns)
        await connection.execute("UPDATE commit_clock SET place = $1, last_updated = $2", rows, NOW)
    finally:
        await connection.close()
    return size


def _batches(rows: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(1, rows + 1, BATCH):
        yield [_row(number) for number in range(start, min(start + BATCH, rows + 1))]


def _row(number: int) -> dict[str, Any]:
    kind, text = ("Patient", patient(number)) if number % 21 == 0 else ("Observation", observation(number))
    head = b'{"resourceType":"%s","id":"o%d","meta":{"versionId":"1","lastUpdated":"%s"},'
    stored = head % (kind.encode(), number, instant(NOW).encode()) + text[text.index(b",") + 1 :].lstrip()
    owner = f"p{number // 20}"
    row = {"type": kind, "id": f"o{number}", "version": 1, "partition_key": owner, "place": number, "action": "created"}
    row |= {"last_updated": NOW, "text": stored.decode(), "resource_key": number, "deleted": False}
    return row | {"sort_low": 0, "sort_high": 0, "sort_values": "{}", "hashes": b""}


def exported(server: Server, rows: int) -> tuple[float, float]:
    """Seconds to the manifest, and the most memory that was seen meanwhile."""
    most = 0.0
    headers = {"authorization": server.authorization, "prefer": "respond-async"}
    with httpx.Client(headers=headers, timeout=60) as client:
        start = time.perf_counter()
        begun = client.get(f"{server.base}/$export", params={"_type": TYPES}).raise_for_status()
        while (answer := client.get(begun.headers["content-location"])).status_code == 202:
            most = max(most, memory(server.process))
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        manifest = answer.raise_for_status().json()
        assert sum(item["count"] for item in manifest["output"]) == rows, manifest
        client.delete(begun.headers["content-location"]).raise_for_status()
    return seconds, most


def raw(name: str, url: str) -> float:
    start = time.perf_counter()
    if name == "sqlite":
        _cursor(url.partition("///")[2])
    else:
        asyncio.run(_copied(url.replace("+asyncpg", "")))
    return time.perf_counter() - start


def _cursor(file: str) -> int:
    connection = sqlite3.connect(file)
    try:
        return sum(len(row[0]) for row in connection.execute(QUERY))
    finally:
        connection.close()


async def _copied(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_from_query(QUERY, output=_drop)
    finally:
        await connection.close()


async def _drop(_: bytes) -> None:
    """COPY to nowhere."""


async def _made(url: str) -> None:
    await (await open_repository(url)).close()


def reads(server: Server, rows: int) -> http_load.Load:
    """Reads by id, one after the other, from a few clients."""
    numbers = range(1, rows, max(1, rows // 1000))
    requests = [server.get(f"Observation/o{number}") for number in numbers if number % 21]
    return http_load.load(server.base, requests, server.process, seconds=SECONDS, connections=READERS)


def reads_meanwhile(server: Server, rows: int) -> http_load.Load:
    """The same while exports follow each other."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            exported(server, rows)

    exporting = threading.Thread(target=go_on)
    exporting.start()
    try:
        return reads(server, rows)
    finally:
        ended.set()
        exporting.join()


def memory(process: int) -> float:
    """Its own, in MB: pages of the database file that SQLite maps are the system's cache."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def measured(name: str, rows: int, pairs: int) -> dict[str, float]:
    with database_url(name) as url, tempfile.TemporaryDirectory(prefix="fhir-service-bench-") as folder:
        asyncio.run(_made(url))
        size = filled(name, url, rows)
        settle(url)
        with ours("ours", url, export_files=f"{folder}/exports", export_polls="1e6") as server:
            idle = reads(server, rows)
            before = memory(server.process)
            found = [(*exported(server, rows), raw(name, url)) for _ in range(pairs)]
            busy = reads_meanwhile(server, rows)
    export, bare = (min(one[place] for one in found) for place in (0, 2))
    grown = max(most for _, most, _ in found) - before
    return {
        "resources a second": round(rows / export),
        "MB a second": round(size / export / 1e6),
        "raw rows a second": round(rows / bare),
        "times as long": round(export / bare, 2),
        "MB grown": round(grown),
        "ms of a late read, idle": round(idle.late, 2),
        "ms of a late read, exporting": round(busy.late, 2),
        "late read beside idle": round(busy.late / idle.late, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--store", choices=NAMES, action="append")
    asked = parser.parse_args()
    rows = asked.rows or (MANY if asked.full else SOME)
    found = {name: measured(name, rows, 1 if asked.full else PAIRS) for name in asked.store or NAMES}
    print(json.dumps(found) if asked.json else "\n".join(f"{name}: {figures}" for name, figures in found.items()))


if __name__ == "__main__":
    main()
