"""A transaction that the database itself has ended takes back all of its group, and nobody is told otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stored_resources import patient
from stored_writes import problems

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.fhir.errors import FhirError, NotFound, StoreUnavailable, TookTooLong
from fhir_service.search.audit_query import AuditQuery
from fhir_service.storage.database import CommitUncertain
from fhir_service.storage.repository import Create, Repository, open_repository
from fhir_service.storage.transaction import Transaction

RECORD = AccessRecord(
    recorded=1_700_000_000_000,
    request="r",
    client="c",
    address="127.0.0.1",
    interaction="read",
    about="Patient/1",
    query="",
    status=200,
)


async def broken_off(transaction: Transaction) -> None:
    """A statement that takes too long: after it PostgreSQL does nothing more in the transaction, and SQLite has taken
    back all that was written, as it does where a file cannot be read."""
    session: Any = transaction._group.session
    if not transaction._group.dialect.postings:
        await session.fetch("SET LOCAL statement_timeout = 20")
        await session.fetch("SELECT pg_sleep(5)")
    session._connection.set_progress_handler(lambda: True, 1)
    try:
        await session.fetch("UPDATE commit_clock SET place = place")
    finally:
        session._connection.set_progress_handler(None, 0)


async def no_file(transaction: Transaction) -> None:
    try:
        await broken_off(transaction)
    except TookTooLong:
        raise StoreUnavailable("the file cannot be read") from None


@pytest.mark.parametrize("beside", [True, False], ids=["with a create", "without"])
@pytest.mark.parametrize("work", [broken_off, no_file])
async def test_who_shares_a_transaction_that_the_database_ends_is_told_the_truth(
    repository: Repository, database_url: str, work: Any, beside: bool
) -> None:
    await repository.commit([Create("Patient", patient(), "before")], OPEN)
    told = await asyncio.gather(
        repository.accesses.add([RECORD]),
        repository.transact(work, OPEN),
        *([repository.commit([Create("Patient", patient(), "beside")], OPEN)] if beside else []),
        return_exceptions=True,
    )
    assert isinstance(told[1], TookTooLong if work is broken_off else StoreUnavailable)
    recorded, _ = await repository.accesses.page(AuditQuery((), 10, None, False, ()))
    assert len(recorded) == (told[0] is None)
    found = await repository.newest([("Patient", "beside")], OPEN)
    assert len(found) == sum(isinstance(one, list) for one in told)
    assert [one for one in told if isinstance(one, BaseException) and not isinstance(one, FhirError)] == []
    await repository.commit([Create("Patient", patient(), "behind")], OPEN)
    assert await problems(database_url) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("pooler", ["", "?pooler=transaction"], ids=["without a pooler", "through a pooler"])
async def test_a_commit_whose_connection_has_ended_before_it_is_not_acknowledged(
    database_url: str, pooler: str
) -> None:
    repository = await open_repository(database_url + pooler)
    await repository.commit([Create("Patient", patient(), "before")], OPEN)
    session: Any = repository._database._writer
    fetch = session.fetch

    async def ended(statement: str, *values: object) -> object:
        if statement == "COMMIT":
            session._driver.terminate()
        return await fetch(statement, *values)

    session.fetch = ended
    with pytest.raises(CommitUncertain):
        await repository.commit([Create("Patient", patient(), "lost")], OPEN)
    with pytest.raises(NotFound):
        await repository.read("Patient", "lost", OPEN)
    await repository.commit([Create("Patient", patient(), "behind")], OPEN)
    await repository.close()
    assert await problems(database_url) == []
