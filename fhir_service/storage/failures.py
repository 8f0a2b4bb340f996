"""What a database says when it cannot serve, told apart from faults of ours."""

from __future__ import annotations

import errno
import sqlite3

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy.exc import DBAPIError

from fhir_service.fhir.errors import StoreFull, StoreUnavailable, TookTooLong

_SQLSTATE_CLASSES = ("08", "25006", "53", "55", "57", "58", "28", "3D", "XX")
"""Connection, read-only, no resources, not available, stopped, system error, who are you, no database, broken."""
_SQLITE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
_RETRYABLE = ("40001", "40P01", "23505")
"""Serialization failure, deadlock, and two writers of one version."""
_CANCELLED = "57014"
_DISK_FULL = "53100"
_LOST = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What the driver raises itself: no connection, one that broke in the middle of a statement, or none in time."""
_BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError)
_GONE = ("08", "57P")
"""Of connections that are lost, and of a server that ends, has ended or begins."""
_TOLD = (asyncpg.PostgresError, sqlite3.Error, DBAPIError, *_LOST)


class ConnectionLost(StoreUnavailable):
    """The connection to the database broke, or cannot be made now; what was asked can be asked again."""


class unavailable_told:  # noqa: N801  # used as a function is; a generator as context manager costs several times as much
    """Raise StoreUnavailable for whatever says that the database cannot be reached or cannot work, TookTooLong for a
    statement that was ended because it took too long."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing is done before."""

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, _TOLD):
            return
        if _is_cut_off(error):
            raise TookTooLong("this takes too long to find out; ask for less, or narrow the search down") from error
        if is_unavailable(error):
            unavailable = _unavailable(error)
            unavailable.add_note(str(_cause(error)).partition("\n")[0] or type(error).__name__)  # for the shell alone
            raise unavailable from error


def _unavailable(error: BaseException) -> StoreUnavailable:
    cause = _cause(error)
    full = str(cause.sqlstate) == _DISK_FULL if isinstance(cause, asyncpg.PostgresError) else _has_no_room(cause)
    if full:
        return StoreFull("the disk of the database is full: nothing can be stored, what is there can be read")
    kind = ConnectionLost if _is_lost(cause) else StoreUnavailable
    return kind("the database cannot be used now; try again later")


def _is_lost(cause: BaseException) -> bool:
    if isinstance(cause, asyncpg.PostgresError):
        return str(cause.sqlstate or "").startswith(_GONE)
    return isinstance(cause, _BROKEN)


def _has_no_room(cause: BaseException) -> bool:
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(cause, OSError) and cause.errno == errno.ENOSPC


def is_unavailable(error: BaseException) -> bool:
    """Whether it is the database's state, and not the statement, that is at fault."""
    cause = _cause(error)
    if isinstance(cause, asyncpg.PostgresError):
        return str(cause.sqlstate or "").startswith(_SQLSTATE_CLASSES)
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        return code is not None and (code & 0xFF) in _SQLITE_CODES
    return isinstance(cause, _LOST)


def _is_cut_off(error: BaseException) -> bool:
    cause = _cause(error)
    if isinstance(cause, asyncpg.PostgresError):
        return str(cause.sqlstate) == _CANCELLED
    return isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def is_retryable(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again."""
    cause = _cause(error)
    return isinstance(cause, asyncpg.PostgresError) and cause.sqlstate in _RETRYABLE


def _cause(error: BaseException) -> BaseException:
    """The driver's own error below what SQLAlchemy made of it."""
    while isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    adapted = error.__cause__
    return adapted if adapted is not None and hasattr(error, "pgcode") else error
