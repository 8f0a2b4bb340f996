"""Searches that are asked for by several at the same time, made once for all of them.

Many look at the same page when something has happened, and who has waited too long asks again. An answer serves those
who had asked before its search began, so it is as fresh as one of their own would be; who comes later waits for the
next. Nothing is kept. A search begins when the one like it before it has ended, so that slow ones do not pile up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from copy import copy
from typing import Generic, TypeVar

from fhir_service.api.answer import Answer
from fhir_service.storage.repository import Seen

T = TypeVar("T")
Searched = tuple[Answer, Seen | None]
"""An answer, and what of the store is told in it."""


class SameSearches(Generic[T]):
    """Those of one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[T | None]]] = {}
        """By what was asked those who wait for a search that has not begun."""
        self._under_way: dict[Hashable, asyncio.Future[None]] = {}

    async def made(self, asked: Hashable, search: Callable[[], Awaitable[T]]) -> T:
        """What `search` gives, or gave to another who asked for the same. Raises what it does."""
        while (others := self._waiting.get(asked)) is not None:
            told: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
            others.append(told)
            if (found := await told) is not None:
                return found
        return await self._first(asked, search)

    async def _first(self, asked: Hashable, search: Callable[[], Awaitable[T]]) -> T:
        others = self._waiting[asked] = []
        found: T | None = None
        try:
            try:
                await asyncio.sleep(0)  # whoever else has asked by now comes along
                if (before := self._under_way.get(asked)) is not None:
                    await asyncio.wait((before,))
            finally:
                del self._waiting[asked]
            found = await self._searched(asked, search)
        except Exception as error:
            _tell(others, error)
            raise
        finally:
            _tell(others, found)  # None where this one was called off: they go on without it
        return found

    async def _searched(self, asked: Hashable, search: Callable[[], Awaitable[T]]) -> T:
        ended = self._under_way[asked] = asyncio.get_running_loop().create_future()
        try:
            return await search()
        finally:
            del self._under_way[asked]
            ended.set_result(None)


def _tell(others: list[asyncio.Future[T | None]], found: T | Exception | None) -> None:
    for one in others:
        if one.done():
            continue
        if isinstance(found, Exception):
            one.set_exception(copy(found))  # who tells of it adds where in a Bundle it came up
        else:
            one.set_result(found)
