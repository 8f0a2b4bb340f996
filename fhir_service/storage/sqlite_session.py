"""A connection to a SQLite file. What takes microseconds is done at once, where it is asked for; what may take long is
done in a thread of the connection.

To hand work to a thread costs more than most statements, and a thread that runs Python takes the interpreter from the
event loop and has to wait to get it back, at every row. So a search is begun at once and, where it is not done in a
few milliseconds, broken off and begun anew in the thread. Writes are done at once in slices, between which others have
their turn. A commit waits for the disk, so it goes to the thread, and so does waiting for a lock of somebody else's.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.rows_and_steps import Row, Step

P = ParamSpec("P")
T = TypeVar("T")
_AT_ONCE_SECONDS = 0.003
"""What a statement may hold up everybody else."""
_VALUES_IN_SLICE = 400
"""Values that are written without a look at the clock."""
_STEPS_BETWEEN_LOOKS = 5_000
"""Steps of SQLite's machine, a fraction of a millisecond of them, after which somebody looks at the clock."""
_SECONDS_BETWEEN_LOOKS = 1.0
"""Between two looks whether the file of a connection is still there."""
_PARAMETER = re.compile(r"\$(\d+)")
_BEGIN = "BEGIN IMMEDIATE"
_SLOW = ("COMMIT", "PRAGMA", "VACUUM")
_READS = ("SELECT", "WITH")
"""Only what reads may be broken off: in a transaction a write that is broken off takes all of it back."""
_PATIENT, _IMPATIENT = "PRAGMA busy_timeout=20000", "PRAGMA busy_timeout=0"


class SqliteSession:
    """Lent to one task at a time, which runs one thing after the other."""

    keeps_plans = True

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._in_thread: Future[Any] | None = None
        self._connection: sqlite3.Connection | None = None
        self._seconds = math.inf
        self._deadline = math.inf
        self._file = ""
        self._identity: tuple[int, int] | None = None
        self._looked = 0.0

    @property
    def usable(self) -> bool:
        """Not where the file was taken away or replaced: what is written to the old one would be gone with it."""
        now = time.monotonic()
        if self._connection is None or now < self._looked + _SECONDS_BETWEEN_LOOKS:
            return self._connection is not None
        self._looked = now
        return _identity(self._file) == self._identity

    async def open(self, file: str, pragmas: Sequence[str]) -> None:
        """A file that is there. Raises StoreUnavailable."""
        await self._later(self._open, file, pragmas)

    async def fetch(self, statement: str, *values: Any) -> Sequence[Row]:
        with unavailable_told():
            if (rows := self.at_once(statement, values)) is not None:
                return rows
        return await self.fetch_much(statement, *values)

    async def fetch_much(self, statement: str, *values: Any) -> Sequence[Row]:
        return await self._later(self._fetch, statement, values, self._seconds)

    async def run_all(self, steps: Sequence[Step]) -> None:
        if self._is_busy:
            await self._later(self._run_all, steps)
            return
        until = time.monotonic() + _AT_ONCE_SECONDS
        with unavailable_told():
            for statement, rows in steps:
                size = max(1, _VALUES_IN_SLICE // max(1, len(rows[0]))) if rows else 1
                for start in range(0, len(rows), size):
                    if time.monotonic() > until:
                        await asyncio.sleep(0)
                        until = time.monotonic() + _AT_ONCE_SECONDS
                    self._driver.executemany(_numbered(statement), rows[start : start + size])

    async def copy_in(self, table: str, columns: Sequence[str], lines: bytes, *, delimiter: str, quote: str) -> None:
        raise NotImplementedError("SQLite has no COPY")

    async def limit(self, seconds: float) -> None:
        self._seconds = seconds

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._later(connection.close)
        self._thread.shutdown(wait=False)

    @property
    def _is_busy(self) -> bool:
        """Whether something is left in the thread: who asked for it went away and did not wait for its end."""
        return self._in_thread is not None and not self._in_thread.done()

    def at_once(self, statement: str, values: Sequence[Any]) -> Sequence[Row] | None:
        """The rows of a statement, None where it is not done at once. Raises sqlite3.Error."""
        if self._is_busy or statement.startswith(_SLOW):
            return None
        if statement == _BEGIN:
            return self._begun_at_once()
        if not statement.startswith(_READS):
            return self._fetch(statement, values, math.inf)
        try:
            return self._fetch(statement, values, _AT_ONCE_SECONDS)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        return None

    def _begun_at_once(self) -> Sequence[Row] | None:
        self._driver.execute(_IMPATIENT)
        try:
            self._driver.execute(_BEGIN)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return None
        else:
            return ()
        finally:
            self._driver.execute(_PATIENT)

    async def _later(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """In the thread, behind whatever is there."""
        with unavailable_told():
            future = self._in_thread = self._thread.submit(partial(work, *arguments, **named))
            return await asyncio.wrap_future(future)

    def _open(self, file: str, pragmas: Sequence[str]) -> None:
        address = f"file:{quote(file)}?mode=rw"
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._file, self._identity, self._looked = file, _identity(file), time.monotonic()
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.set_progress_handler(lambda: time.monotonic() > self._deadline, _STEPS_BETWEEN_LOOKS)
        self._connection = connection

    def _fetch(self, statement: str, values: Sequence[Any], seconds: float) -> Sequence[Row]:
        self._deadline = time.monotonic() + seconds
        try:
            return self._driver.execute(_numbered(statement), values).fetchall()
        finally:
            self._deadline = math.inf

    def _run_all(self, steps: Sequence[Step]) -> None:
        for statement, rows in steps:
            self._driver.executemany(_numbered(statement), rows)

    @property
    def _driver(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable("the database is closed")
        return self._connection


def _identity(file: str) -> tuple[int, int] | None:
    """What tells a file from another of its name; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


@lru_cache(maxsize=1024)
def _numbered(statement: str) -> str:
    return _PARAMETER.sub(r"?\1", statement)
