"""A type that a caller may not read is not there; one it may not write is refused."""

from __future__ import annotations

import pytest
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN, Access
from fhir_service.fhir.errors import Forbidden, NotFound
from fhir_service.search.query import parse_query
from fhir_service.storage.repository import Create, Delete, Repository

NO_PATIENTS = Access(readable=frozenset({"Observation"}), writable=frozenset({"Observation"}))


async def test_an_unreadable_type_is_absent_from_every_call(repository: Repository) -> None:
    await repository.commit([Create("Patient", patient(), "p1")], OPEN)
    query = parse_query("Patient", [])
    with pytest.raises(NotFound):
        await repository.read("Patient", "p1", NO_PATIENTS)
    with pytest.raises(NotFound):
        await repository.vread("Patient", "p1", 1, NO_PATIENTS)
    assert (await repository.search(query, NO_PATIENTS)).matches == []
    assert await repository.count(query, NO_PATIENTS) == 0


async def test_a_transaction_with_one_type_that_may_not_be_written_changes_nothing(repository: Repository) -> None:
    with pytest.raises(Forbidden, match="writing Patient"):
        await repository.commit([Create("Observation", observation()), Delete("Patient", "p1")], NO_PATIENTS)
    assert await repository.count(parse_query("Observation", []), OPEN) == 0
    with pytest.raises(Forbidden):
        await repository.erase([("Patient", "p1")], NO_PATIENTS)
