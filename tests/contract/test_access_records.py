"""Each access is recorded once, and names what was read and written, whatever happens to the connection meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from stored_resources import patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.fhir.errors import PreconditionFailed, StoreUnavailable
from fhir_service.search.audit_query import AuditQuery
from fhir_service.search.query import parse_query
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.repository import Create, Repository, Seen
from fhir_service.storage.transaction import Transaction
from fhir_service.workflows import record_accesses
from fhir_service.workflows.record_accesses import AccessBook


def access(number: int) -> AccessRecord:
    told = {"request": f"r{number}", "client": "c", "address": "127.0.0.1", "interaction": "read"}
    return AccessRecord(**told, recorded=1_700_000_000_000, about="Patient/1", query="", status=200)


def lose_the_next_commit(repository: Repository, *, made: bool) -> None:
    """The connection breaks behind it or before it."""
    session = repository._database._writer
    assert session is not None
    fetch = session.fetch

    async def broken(statement: str, *values: object) -> object:
        with unavailable_told():
            if statement != "COMMIT" or made:
                found = await fetch(statement, *values)
            if statement == "COMMIT":
                raise ConnectionResetError
            return found

    session.fetch = broken  # type: ignore[method-assign]  # a connection that breaks


def lose_the_next_run(repository: Repository) -> None:
    """The connection breaks behind the work and before its commit."""
    session = repository._database._writer
    assert session is not None

    async def broken(*_: object) -> None:
        with unavailable_told():
            raise ConnectionResetError

    session.run_all = broken  # type: ignore[method-assign]  # a connection that breaks


@pytest.mark.parametrize("made", [True, False], ids=["was made", "was not made"])
async def test_an_access_is_recorded_once_where_nobody_saw_whether_its_commit(
    repository: Repository, made: bool
) -> None:
    book = AccessBook(repository.accesses)
    book.note(access(1))
    await book.flush()
    lose_the_next_commit(repository, made=made)
    book.note(access(2))
    book.note(access(2))  # one request may have two alike
    with pytest.raises(StoreUnavailable):
        await book.flush()
    book.note(access(3))
    await book.close()
    found, _ = await repository.accesses.page(AuditQuery((), 10, None, False, ()))
    assert [one.request for one in found] == ["r3", "r2", "r2", "r1"]


async def test_what_a_run_wrote_that_was_undone_is_not_told_of(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_service.storage.writer.PAUSES", (0.0,))
    await repository.commit([Create("Patient", patient(), "there")], OPEN)
    lose_the_next_run(repository)
    seen, runs = Seen(), 0

    async def work(transaction: Transaction) -> str:
        nonlocal runs
        runs += 1
        (made,) = await transaction.write([Create("Patient", patient())])
        return made.id

    made = await repository.noting(seen).transact(work, OPEN)
    assert runs == 2
    assert list(seen.resources) == [("Patient", made)]


async def test_what_a_transaction_read_that_failed_is_told_of_and_what_it_would_have_written_is_not(
    repository: Repository,
) -> None:
    await repository.commit([Create("Patient", patient(birthDate="1950"), "there")], OPEN)
    seen = Seen()

    async def work(transaction: Transaction) -> None:
        await transaction.find(parse_query("Patient", [("birthdate", "1950")]), 2)
        await transaction.write([Create("Patient", patient())])
        raise PreconditionFailed("no")

    with pytest.raises(PreconditionFailed):
        await repository.noting(seen).transact(work, OPEN)
    assert list(seen.resources) == [("Patient", "there")]


async def test_what_waits_is_bounded_by_what_it_takes_of_the_memory(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_accesses, "MAX_WAITING_BYTES", 100_000)
    monkeypatch.setattr(record_accesses, "ROOM_SECONDS", 0)
    book = AccessBook(repository.accesses)
    for number in range(3):
        await book.room()
        book.note(msgspec.structs.replace(access(number), resources={("Observation", f"o{n}"): 1 for n in range(250)}))
    with pytest.raises(StoreUnavailable):
        await book.room()
    await book.flush()
    await book.room()
    book.note(msgspec.structs.replace(access(3), query="x" * 100_000))
    with pytest.raises(StoreUnavailable):
        await book.room()
    await book.close()
    await book.room()


@pytest_asyncio.fixture
async def full_book(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> AccessBook:
    """One in which there is no room until what it has is written, which it is soon."""
    monkeypatch.setattr(record_accesses, "MAX_WAITING", 1)
    monkeypatch.setattr(record_accesses, "GROUP_SECONDS", 0.05)
    book = AccessBook(repository.accesses)
    book.note(access(1))
    return book


async def test_who_comes_while_too_many_wait_is_let_in_when_they_are_written(full_book: AccessBook) -> None:
    coming = [asyncio.create_task(full_book.room()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in coming)
    async with asyncio.timeout(3):
        await asyncio.gather(*coming)
    await full_book.close()


async def test_nobody_waits_for_a_store_that_takes_nothing(
    full_book: AccessBook, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(repository.accesses, "add", refuse)
    async with asyncio.timeout(3):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await full_book.room()
    await full_book.close()


async def test_what_could_not_be_written_whatever_the_reason_is_tried_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_accesses, "GROUP_SECONDS", 0.0)
    monkeypatch.setattr(record_accesses, "_RETRY_SECONDS", 0.0)
    write, tries, written = repository.accesses.add, 0, asyncio.Event()

    async def first_refuse(records: Any, attempt: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RuntimeError("a table is not there")
        await write(records, attempt)
        written.set()

    monkeypatch.setattr(repository.accesses, "add", first_refuse)
    book = AccessBook(repository.accesses)
    book.note(access(1))
    async with asyncio.timeout(20):
        await written.wait()
    await book.close()
    assert len((await repository.accesses.page(AuditQuery((), 10, None, False, ())))[0]) == 1
