"""The files of exports, in a folder or in an object store such as S3 (obstore; docs/decisions/export-files.md).

A file is written once and never changed. Its name cannot be guessed, and it counts when a checkpoint names it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

_PIECE = 1024 * 1024
_BUFFER = 8 * 1024 * 1024


class UnusableFiles(ValueError):
    """The setting names no place where files can be kept."""


class ExportFile:
    """One file while it is written."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._writer = obstore.open_writer_async(store, name, buffer_size=_BUFFER)
        self.size = 0

    async def write(self, text: bytes) -> None:
        await self._writer.write(text)
        self.size += len(text)

    async def close(self) -> None:
        await self._writer.close()


class ExportFiles:
    """`location` is a folder, or the URL of an object store (`s3://bucket/prefix`) whose keys stand in the environment
    as its own tools want them. Raises UnusableFiles."""

    def __init__(self, location: str) -> None:
        self._root = None if "://" in location else Path(location).absolute()
        try:
            self._store: ObjectStore = (
                from_url(location) if self._root is None else LocalStore(prefix=self._root, mkdir=True)
            )
        except Exception as error:
            # obstore has an error class for each store, with nothing in common but Exception
            raise UnusableFiles(f"exported files cannot be kept in '{location}': {error}") from error

    def begin(self, name: str) -> ExportFile:
        return ExportFile(self._store, name)

    async def put(self, name: str, source: Path) -> int:
        """A file that is there already on this machine; returns its length."""
        file = self.begin(name)
        with source.open("rb") as text:
            while piece := await asyncio.to_thread(text.read, _BUFFER):
                await file.write(piece)
        await file.close()
        return file.size

    async def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` up to and without `end`, in pieces. Raises FileNotFoundError."""
        found = await obstore.get_async(self._store, name, options={"range": (start, end)})
        async for piece in found.stream(min_chunk_size=_PIECE):
            yield bytes(piece)

    async def remove(self, name: str) -> None:
        """One file, if it is there."""
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return

    async def remove_all(self, folder: str) -> None:
        """Whatever stands below a folder, on a disk also what was not written to its end."""
        if self._root is not None:
            await asyncio.to_thread(shutil.rmtree, self._root / folder, ignore_errors=True)
            return
        async for found in obstore.list(self._store, prefix=folder):
            await asyncio.gather(*(self.remove(one["path"]) for one in found))
