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
from pathlib import Path

import asyncpg
import http_load
import httpx
from databases import NAMES, database_url
from load import loaded, write
from served import Server, ours

SOME, MANY = 100_000, 1_000_000
PAIRS = 3
READERS = 4
SECONDS = 8.0
TYPES = "Observation,Patient"
QUERY = "SELECT text FROM resource_current WHERE type IN ('Observation', 'Patient') AND NOT deleted"


def exported(server: Server, rows: int) -> float:
    """Seconds to the manifest."""
    headers = {"authorization": server.authorization, "prefer": "respond-async"}
    with httpx.Client(headers=headers, timeout=60) as client:
        start = time.perf_counter()
        begun = client.get(f"{server.base}/$export", params={"_type": TYPES}).raise_for_status()
        while (answer := client.get(begun.headers["content-location"])).status_code == 202:
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        manifest = answer.raise_for_status().json()
        assert sum(item["count"] for item in manifest["output"]) == rows, manifest
        client.delete(begun.headers["content-location"]).raise_for_status()
    return seconds


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


def memory(process: int, name: str) -> float:
    """`VmRSS` now or `VmHWM` at most, in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def measured(name: str, rows: int, pairs: int) -> dict[str, float]:
    with database_url(name) as url, tempfile.TemporaryDirectory(prefix="fhir-service-bench-") as folder:
        file = Path(folder) / "resources.ndjson"
        write(file, rows)
        size = file.stat().st_size
        asyncio.run(loaded(url, file, rows))
        file.unlink()
        with ours("ours", url, export_files=f"{folder}/exports", export_polls="1e6") as server:
            idle = reads(server, rows)
            before = memory(server.process, "VmRSS")
            found = [(exported(server, rows), raw(name, url)) for _ in range(pairs)]
            grown = memory(server.process, "VmHWM") - before
            busy = reads_meanwhile(server, rows)
    export, bare = (min(column) for column in zip(*found, strict=True))
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
