"""Ctrl-C that is not lost: Python drops the KeyboardInterrupt that comes while it clears an object away."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterable
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class CtrlC:
    """`with CtrlC() as pressed:` ends quietly where Ctrl-C is pressed in it, and `bool(pressed)` tells so afterwards.
    For the main thread."""

    def __init__(self) -> None:
        self._came = self._heard = False

    def __bool__(self) -> bool:
        return self._heard

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._come)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        signal.signal(signal.SIGINT, self._before)
        self._heard = kind is not None and issubclass(kind, KeyboardInterrupt)
        return self._heard

    def heed(self) -> None:
        """Raises the KeyboardInterrupt that was dropped."""
        if self._came:
            raise KeyboardInterrupt

    def between(self, things: Iterable[T]) -> Generator[T, None, None]:
        """The things, heeding it before each."""
        for thing in things:
            self.heed()
            yield thing

    def _come(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        raise KeyboardInterrupt
