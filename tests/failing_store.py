"""Ways to take the disk or the database away from a running service, and to give it back."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from served_process import ServedProcess
from sqlalchemy import text

from fhir_service.storage.engines import open_engine

_RELOAD = "SELECT pg_reload_conf()"


@contextmanager
def no_writes_to_files(server: ServedProcess) -> Iterator[None]:
    """The kernel refuses every write of the process to a file, as a broken disk would."""
    limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)


@asynccontextmanager
async def no_writes_to_database(database_url: str) -> AsyncIterator[None]:
    """PostgreSQL takes no writes, as a server that became a replica; its connections stay."""
    await _execute(database_url, "ALTER SYSTEM SET default_transaction_read_only = on", _RELOAD)
    try:
        yield
    finally:
        reset = "ALTER SYSTEM RESET default_transaction_read_only"
        await _execute(database_url, "SET default_transaction_read_only = off", reset, _RELOAD)


async def _execute(database_url: str, *statements: str) -> None:
    engine = open_engine(database_url).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


class BreakingDisk:
    """A file system in a file, which the kernel turns read-only under whoever writes, as it does when a disk fails."""

    def __init__(self, folder: Path, mebibytes: int) -> None:
        self.folder = folder
        self._image = folder.with_suffix(".img")
        with self._image.open("wb") as image:
            image.truncate(mebibytes * 1024**2)
        _run("mkfs.ext4", "-q", "-F", self._image)
        folder.mkdir()
        self.mount()

    def mount(self) -> None:
        """Raises CalledProcessError where that may not be had."""
        _run("mount", "-o", "loop", self._image, self.folder)

    def break_down(self) -> None:
        _run("mount", "-o", "remount,abort", self.folder)

    def repair(self) -> None:
        """Nobody may have a file of it open."""
        self.unmount()
        subprocess.run(["e2fsck", "-p", self._image], check=False, capture_output=True)  # 1: it has mended something
        self.mount()

    def unmount(self) -> None:
        _run("umount", self.folder)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of that size at a new folder; wants root. Raises CalledProcessError where that may not be had."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", folder)
    try:
        yield folder
    finally:
        _run("umount", "-l", folder)
