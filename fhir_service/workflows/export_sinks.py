"""What the lines of a shard are written to: a file of lines, a Parquet table, or a run of lines to be put in blocks."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Protocol

from fhir_service.formats.parquet_lines import write_parquet_lines
from fhir_service.workflows.export_files import ExportFiles

_PIECE = 4 * 1024 * 1024


class Sink(Protocol):
    """One file while it is written. `size` is how many bytes it was given, and once it is closed how long it is."""

    size: int

    async def write(self, lines: bytes) -> None:
        """Add whole lines."""

    async def close(self) -> None:
        """The file is there."""


class ParquetSink:
    """Gathers lines on this machine's disk, and makes a table of them in the end."""

    def __init__(self, files: ExportFiles, name: str) -> None:
        self._files = files
        self._name = name
        self._folder = tempfile.TemporaryDirectory(prefix="fhir-service-")  # gone with this object, however it ends
        self._lines = Path(self._folder.name) / "lines.ndjson"
        self._longest = 0
        self.size = 0

    async def write(self, lines: bytes) -> None:
        await asyncio.to_thread(self._append, lines)
        self.size += len(lines)

    async def close(self) -> None:
        out = self._lines.with_name("table.parquet")
        await asyncio.to_thread(write_parquet_lines, self._lines, out, self._longest)
        self.size = await self._files.put(self._name, out)
        await asyncio.to_thread(self._folder.cleanup)

    def _append(self, lines: bytes) -> None:
        self._longest = max(self._longest, *(len(line) for line in lines.split(b"\n")))
        with self._lines.open("ab") as out:
            out.write(lines)


class Placing(Protocol):
    """Tells where lines belong."""

    number: int
    """How many places there are."""

    async def placed(self, lines: bytes) -> list[tuple[int, bytes]]:
        """Each line under the places where it is wanted."""


class RunSink:
    """Gathers lines in memory under the places where they belong, and writes them in the order of places.

    `places[n]` is then where those of place n begin in the file; one more says where the last ends.
    """

    def __init__(self, files: ExportFiles, name: str, placing: Placing) -> None:
        self._files = files
        self._name = name
        self._placing = placing
        self._held: list[list[bytes]] = [[] for _ in range(placing.number)]
        self.places: list[int] = []
        self.size = 0

    async def write(self, lines: bytes) -> None:
        for place, line in await self._placing.placed(lines):
            self._held[place].append(line)
            self.size += len(line)

    async def close(self) -> None:
        file = self._files.begin(self._name)
        for held in self._held:
            self.places.append(file.size)
            if held:
                await file.write(b"".join(held))
        self.places.append(file.size)
        await file.close()
