"""Accesses whose end nobody saw are recorded once, on both databases."""

from __future__ import annotations

import pytest

from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.search.audit_query import AuditQuery
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.repository import Repository
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
