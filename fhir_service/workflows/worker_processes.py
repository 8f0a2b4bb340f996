"""Processes that work beside the one that was started by hand, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

P = TypeVar("P")
R = TypeVar("R")
_AHEAD = 2
"""Pieces that are read before they are needed, beside one for each process."""


def cores() -> int:
    """Those this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def clean_context() -> BaseContext:
    """Processes that begin with nothing of this one: a thread or lock that was copied would hang them."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def in_processes(
    pieces: Iterable[P], work: Callable[[P], R], count: int, begin: Callable[..., None], *given: Any
) -> Generator[R, None, None]:
    """What `work` gives for each piece, in their order, by so many processes, each of which runs `begin(*given)` first.
    Some pieces are read before they are needed. Who stops before the end closes the generator."""
    pool = ProcessPoolExecutor(count, clean_context(), initializer=begin, initargs=given)
    waiting: deque[Future[R]] = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) >= count + _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def begin_worker() -> None:
    """Ctrl-C is for the process that was started by hand; a worker that lost it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
