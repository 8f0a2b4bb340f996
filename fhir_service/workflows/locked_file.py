"""A file that one process at a time writes to."""

from __future__ import annotations

from typing import BinaryIO


def lock(file: BinaryIO) -> None:
    """Until it is closed. Raises BlockingIOError where another process has it."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where two runs into one folder are not told
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
