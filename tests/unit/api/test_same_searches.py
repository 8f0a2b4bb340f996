"""Equal searches of one moment are made once, and nobody gets what was found before they asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from fhir_service.api.same_searches import SameSearches
from fhir_service.fhir.errors import TookTooLong


class Store:
    """Counts what is asked of it, and answers when it is let."""

    def __init__(self) -> None:
        self.content = 0
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.open = asyncio.Event()
        self.searches: SameSearches[int] = SameSearches()

    async def _search(self) -> int:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        found = self.content
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        return found

    def ask(
        self, asked: str = "Patient?name=a", search: Callable[[], Awaitable[int]] | None = None
    ) -> asyncio.Task[int]:
        return asyncio.ensure_future(self.searches.made(asked, search or self._search))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_at_one_moment_share_a_search() -> None:
    store = Store()
    asked = [store.ask() for _ in range(5)]
    store.open.set()
    assert (await asyncio.gather(*asked), store.begun) == ([0] * 5, 1)


async def test_another_search_is_made_for_itself_beside_it() -> None:
    store = Store()
    asked = [store.ask("a"), store.ask("b")]
    await turns()
    assert (store.begun, store.at_once) == (2, 2)
    store.open.set()
    await asyncio.gather(*asked)


async def test_who_asks_later_gets_what_was_written_meanwhile() -> None:
    store = Store()
    before = store.ask()
    await turns()
    store.content = 1
    behind = [store.ask(), store.ask()]
    store.open.set()
    assert (await before, await asyncio.gather(*behind), store.begun) == (0, [1, 1], 2)


async def test_slow_searches_do_not_pile_up() -> None:
    store = Store()
    asked = []
    for _ in range(10):
        asked.append(store.ask())
        await turns()
    store.open.set()
    await asyncio.gather(*asked)
    assert (store.begun, store.most_at_once) == (2, 1)


async def test_an_error_is_told_to_all_and_not_to_who_asks_later() -> None:
    store = Store()

    async def fail() -> int:
        raise TookTooLong("a search took too long")

    asked = [store.ask(search=fail) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [(type(answer), str(answer)) for answer in answers] == [(TookTooLong, "a search took too long")] * 3
    assert len({id(answer) for answer in answers}) == 3  # each may be told of in another place
    store.open.set()
    assert await store.ask() == 0


@pytest.mark.parametrize("begun", [False, True], ids=["waiting", "under way"])
async def test_whoever_hangs_up_takes_nobody_along(begun: bool) -> None:
    store = Store()
    first = store.ask()
    others = [store.ask() for _ in range(3)]
    if begun:
        await turns()
    else:
        await asyncio.sleep(0)
    first.cancel()
    others[0].cancel()
    store.open.set()
    assert await asyncio.gather(*others[1:]) == [0, 0]
    assert (first.cancelled(), others[0].cancelled()) == (True, True)
    assert store.at_once == 0


async def test_who_waits_for_the_one_before_may_hang_up() -> None:
    store = Store()
    before = store.ask()
    await turns()
    waiting = store.ask()
    await turns()
    behind = store.ask()
    await turns()
    waiting.cancel()
    store.content = 1
    store.open.set()
    assert (await before, await behind) == (0, 1)
