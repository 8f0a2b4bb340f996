"""Work waits its turn, not for ever, and not in any number."""

from __future__ import annotations

import asyncio

import pytest

from fhir_service.fhir.errors import TookTooLong
from fhir_service.workflows.work_queue import WorkQueue


async def test_who_waits_too_long_for_a_turn_is_told_so_and_the_next_gets_one() -> None:
    queue = WorkQueue("maps", 1, 0.01)
    async with queue.turn():
        with pytest.raises(TookTooLong, match="other maps are under way"):
            async with queue.turn():
                raise AssertionError("a second turn")
    async with queue.turn():
        pass


async def test_who_finds_too_many_waiting_is_sent_away_at_once() -> None:
    queue = WorkQueue("files", 1, 60, waiting=1)
    order = []

    async def wait() -> None:
        async with queue.turn():
            order.append("waited")

    async with queue.turn():
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        with pytest.raises(TookTooLong, match="as many files under way"):
            async with queue.turn():
                raise AssertionError("a third turn")
        order.append("first")
    await waiting
    assert order == ["first", "waited"]


async def test_a_turn_is_given_back_where_the_work_fails() -> None:
    queue = WorkQueue("maps", 1, 0.01)
    with pytest.raises(ZeroDivisionError):
        async with queue.patient_turn():
            raise ZeroDivisionError
    async with queue.patient_turn():
        pass
