"""The books about loaded reports, and erasing for good."""

from __future__ import annotations

import pytest
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import NotFound, PreconditionFailed
from fhir_service.search.query import parse_query
from fhir_service.storage.changes import ReportRecord
from fhir_service.storage.repository import Create, Delete, ReportEntry, Repository, Update

SOURCE = "https://doi.org/10.1/x"
P1, O1, O2 = ("Patient", "p1"), ("Observation", "o1"), ("Observation", "o2")


async def load(repository: Repository) -> None:
    changes = [Update(*P1, patient()), Update(*O1, observation()), Update(*O2, observation())]
    await repository.commit(changes, OPEN, ReportEntry(SOURCE, "first", (P1, O1, O2)))


async def test_a_report_is_remembered_with_what_it_made(repository: Repository) -> None:
    assert await repository.reports.record(SOURCE) is None
    assert await repository.reports.resources_of(SOURCE) == ()
    await load(repository)
    assert await repository.reports.record(SOURCE) == ReportRecord(SOURCE, "first", (O1, O2, P1), (O1, O2, P1))
    assert await repository.reports.resources_of(SOURCE) == (O1, O2, P1)
    assert await repository.reports.resources_of("another") == ()


async def test_what_a_report_makes_no_longer_is_still_known_as_stored(repository: Repository) -> None:
    await load(repository)
    await repository.commit([Delete(*O2)], OPEN, ReportEntry(SOURCE, "second", (P1, O1)))
    assert await repository.reports.record(SOURCE) == ReportRecord(SOURCE, "second", (O1, P1), (O1, O2, P1))
    assert await repository.reports.resources_of(SOURCE, ever=True) == (O1, O2, P1)


async def test_a_report_taken_out_has_no_fingerprint_and_makes_nothing(repository: Repository) -> None:
    await load(repository)
    await repository.commit([Delete(*P1), Delete(*O1), Delete(*O2)], OPEN, ReportEntry(SOURCE))
    assert await repository.reports.record(SOURCE) == ReportRecord(SOURCE, None, (), (O1, O2, P1))


async def test_the_books_are_written_with_the_changes_or_not_at_all(repository: Repository) -> None:
    with pytest.raises(PreconditionFailed):
        await repository.commit([Update(*P1, patient(), if_match=4)], OPEN, ReportEntry(SOURCE, "x", (P1,)))
    assert await repository.reports.record(SOURCE) is None


async def test_a_report_can_be_noted_and_forgotten_without_changes(repository: Repository) -> None:
    await repository.commit([], OPEN, ReportEntry(SOURCE, "text", (P1,)))
    assert await repository.reports.resources_of(SOURCE) == (P1,)
    await repository.reports.erase(SOURCE, OPEN)
    assert await repository.reports.record(SOURCE) is None
    assert await repository.reports.resources_of(SOURCE, ever=True) == ()


async def test_erasing_leaves_no_version_and_nothing_to_find(repository: Repository) -> None:
    await load(repository)
    await repository.commit([Update(*O1, observation("Patient/p9")), Update(*O2, observation()), Delete(*O2)], OPEN)
    await repository.commit([Create("Observation", observation(), "other")], OPEN)
    await repository.erase([O1, O2, ("Observation", "never")], OPEN)
    for version in (1, 2, 3):
        for key in (O1, O2):
            with pytest.raises(NotFound):
                await repository.vread(*key, version, OPEN)
    with pytest.raises(NotFound):
        await repository.read(*O2, OPEN)
    for pairs in ([], [("code", "1234-5")], [("status", "final")]):
        page = await repository.search(parse_query("Observation", pairs), OPEN)
        assert [stored.id for stored in page.matches] == ["other"]


async def test_an_erased_id_can_be_used_again_from_version_one(repository: Repository) -> None:
    await load(repository)
    await repository.erase([P1], OPEN)
    (outcome,) = await repository.commit([Create("Patient", patient(), "p1")], OPEN)
    assert (outcome.action, outcome.version) == ("created", 1)
