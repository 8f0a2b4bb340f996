"""Commits that find, decide and write: what they see, and what is left when they fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from stored_resources import patient

from fhir_service.fhir.access import OPEN, Access
from fhir_service.fhir.errors import EditConflict, Forbidden, MalformedContent, PreconditionFailed
from fhir_service.search.query import Query, parse_query
from fhir_service.storage.repository import Create, Delete, Outcome, Repository, Transaction, Update

Work = Callable[[Transaction], Awaitable[list[Outcome]]]


def known_as(name: str) -> Query:
    return parse_query("Patient", [("identifier", f"urn:test|{name}")])


def named(name: str) -> bytes:
    return patient(identifier=[{"system": "urn:test", "value": name}])


async def count(repository: Repository) -> int:
    return await repository.count(parse_query("Patient", []), OPEN)


def created_once(name: str) -> Work:
    async def work(transaction: Transaction) -> list[Outcome]:
        if await transaction.find(known_as(name), 2):
            return []
        return await transaction.write([Create("Patient", named(name))])

    return work


async def test_works_of_one_group_see_each_other(repository: Repository) -> None:
    done = await asyncio.gather(*(repository.transact(created_once(str(n % 5)), OPEN) for n in range(50)))
    assert Counter(len(outcomes) for outcomes in done) == {0: 45, 1: 5}
    assert await count(repository) == 5


async def test_a_work_finds_what_it_wrote_itself(repository: Repository) -> None:
    async def work(transaction: Transaction) -> list[str]:
        found = [len(await transaction.find(known_as("a"), 2))]
        (made,) = await transaction.write([Create("Patient", named("a"))])
        found.append(len(await transaction.find(known_as("a"), 2)))
        await transaction.write([Delete("Patient", made.id)])
        read = await transaction.read("Patient", made.id, "r")
        return [*map(str, found), str(len(await transaction.find(known_as("a"), 2))), str(read and read.deleted)]

    assert await repository.transact(work, OPEN) == ["0", "1", "0", "True"]
    assert await count(repository) == 0


async def test_a_work_that_fails_leaves_nothing_and_spoils_nothing(repository: Repository) -> None:
    await repository.commit([Create("Patient", named("kept"), "kept")], OPEN)

    async def failing(transaction: Transaction) -> list[Outcome]:
        await transaction.write([Create("Patient", named("x"), "x"), Update("Patient", "kept", named("x"))])
        assert len(await transaction.find(known_as("x"), 5)) == 2
        await transaction.write([Create("Patient", named("y"), "y")])
        raise PreconditionFailed("no")

    works = [repository.transact(work, OPEN) for work in (created_once("a"), failing, created_once("x"))]
    first, refused, last = await asyncio.gather(*works, return_exceptions=True)
    assert isinstance(refused, PreconditionFailed)
    assert (len(first), len(last)) == (1, 1)  # type: ignore[arg-type]  # lists of outcomes
    assert (await repository.read("Patient", "kept", OPEN)).version == 1
    assert (await repository.search(known_as("kept"), OPEN)).matches
    assert len((await repository.search(known_as("x"), OPEN)).matches) == 1
    assert await count(repository) == 3


async def test_places_of_a_work_that_fails_are_free_again(repository: Repository) -> None:
    async def failing(transaction: Transaction) -> list[Outcome]:
        await transaction.write([Create("Patient", named("x"), "x")])
        await transaction.find(known_as("x"), 2)
        await transaction.write([Create("Patient", named(f"x{n}"), f"x{n}") for n in range(3)])
        raise PreconditionFailed("no")

    first = repository.commit([Create("Patient", named("first"), "first")], OPEN)
    later = repository.commit([Create("Patient", named("later"), "later")], OPEN)
    _, refused, _ = await asyncio.gather(first, repository.transact(failing, OPEN), later, return_exceptions=True)
    assert isinstance(refused, PreconditionFailed)
    for name in "abcd":
        await repository.commit([Create("Patient", named(name), name)], OPEN)
    for name in ("first", "later", *"abcd"):
        assert [one.id for one in (await repository.search(known_as(name), OPEN)).matches] == [name]


async def test_a_change_that_fails_is_named_by_its_place(repository: Repository) -> None:
    changes = [Create("Patient", named("a"), "a"), Update("Patient", "b", named("b"), if_match=1)]
    with pytest.raises(PreconditionFailed) as refused:
        await repository.commit(changes, OPEN)
    assert refused.value.change == 1
    with pytest.raises(MalformedContent) as broken:
        await repository.commit([*changes[:1], Create("Patient", b"{"), *changes[1:]], OPEN)
    assert broken.value.change == 1
    again = [*changes[:1], Create("Patient", named("b"), "b"), Create("Patient", named("b"), "b")]
    with pytest.raises(EditConflict) as doubled:
        await repository.transact(lambda transaction: transaction.write(again), OPEN)
    assert doubled.value.change == 2
    assert await count(repository) == 0


async def test_content_can_be_replaced_until_the_work_ends(repository: Repository) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.write([Create("Patient", named("first"), "a")])
        assert len(await transaction.find(known_as("first"), 2)) == 1
        await transaction.rewrite([Create("Patient", named("second"), "a")])
        assert not await transaction.find(known_as("first"), 2)

    await repository.transact(work, OPEN)
    assert (await repository.vread("Patient", "a", 1, OPEN)).text == (await repository.read("Patient", "a", OPEN)).text
    assert b"second" in (await repository.read("Patient", "a", OPEN)).text
    assert len((await repository.search(known_as("second"), OPEN)).matches) == 1


async def test_a_work_may_read_and_write_what_its_caller_may(repository: Repository) -> None:
    await repository.commit([Create("Patient", named("a"), "a")], OPEN)
    nobody = Access(())

    async def look(transaction: Transaction) -> int:
        assert await transaction.read("Patient", "a", "u") is None
        return len(await transaction.find(known_as("a"), 2))

    with pytest.raises(Forbidden, match="searching Patient"):
        await repository.transact(look, nobody)
    with pytest.raises(Forbidden):
        await repository.transact(created_once("a"), nobody)


@pytest.mark.parametrize(
    ("header", "allowed"), [("*", False), ('W/"1"', False), ('W/"2"', True), ('W/"2", W/"1"', False)]
)
async def test_a_version_that_must_not_be_there(repository: Repository, header: str, allowed: bool) -> None:
    change = Update("Patient", "a", named("a"), if_none_match=header)
    assert (await repository.commit([change], OPEN))[0].action == "created"
    if allowed:
        await repository.commit([change], OPEN)
    else:
        with pytest.raises(PreconditionFailed):
            await repository.commit([change], OPEN)
    await repository.commit([Delete("Patient", "a")], OPEN)
    assert (await repository.commit([change], OPEN))[0].action == "created"
