"""What a page brings along."""

from __future__ import annotations

import pytest
import pytest_asyncio
from stored_resources import condition, observation, patient, text

from fhir_service.fhir.access import OPEN, Access, Grant
from fhir_service.search.criteria import IdCriterion, Include
from fhir_service.search.query import IncludeExtent, Query, TypeSearch
from fhir_service.storage.repository import Create, Delete, Repository, Update


@pytest_asyncio.fixture
async def filled(repository: Repository) -> Repository:
    await repository.commit(
        [
            Create("Patient", patient(managingOrganization={"reference": "Organization/g"}), "p1"),
            Create("Patient", patient(), "p2"),
            Create("Observation", observation("Patient/p1", hasMember=[{"reference": "Observation/o2"}]), "o1"),
            Create("Observation", observation("Patient/p2", hasMember=[{"reference": "Observation/o3"}]), "o2"),
            Create("Observation", observation("Patient/p2", hasMember=[{"reference": "Observation/o1"}]), "o3"),
            Create("Observation", observation("Group/g"), "o4"),
            Create(
                "Condition", condition("Patient/p1", evidence=[{"detail": [{"reference": "Observation/o1"}]}]), "c1"
            ),
            Create("Organization", text({"resourceType": "Organization"}), "g"),
            Create("Group", text({"resourceType": "Group", "type": "person", "actual": True}), "g"),
        ],
        OPEN,
    )
    return repository


async def brought(repository: Repository, wanted: str, *asked: Include, access: Access = OPEN) -> str:
    kind, _, ids = wanted.partition("/")
    query = Query((TypeSearch(kind, (IdCriterion(tuple(ids.split(","))),)),), includes=asked)
    page = await repository.search(query, access)
    assert not page.included_cut
    return " ".join(f"{stored.type}/{stored.id}/{stored.version}" for stored in page.included)


def include(source: str, parameter: str, target: str = "", *, iterate: bool = False) -> Include:
    return Include(source, parameter, target, iterate=iterate)


def revinclude(source: str, parameter: str, *, iterate: bool = False) -> Include:
    return Include(source, parameter, reverse=True, iterate=iterate)


@pytest.mark.rule("INC-1", "INC-2", "INC-3")
@pytest.mark.parametrize(
    ("wanted", "asked", "expected"),
    [
        ("Observation/o1", [include("Observation", "subject")], "Patient/p1/1"),
        ("Observation/o1,o2,o3", [include("Observation", "subject")], "Patient/p1/1 Patient/p2/1"),
        ("Observation/o1,o4", [include("Observation", "subject", "Group")], "Group/g/1"),
        ("Observation/o1,o4", [include("Observation", "patient")], "Patient/p1/1"),
        ("Observation/o1", [include("Condition", "subject")], ""),
        ("Observation/o1", [include("Observation", "*")], "Observation/o2/1 Patient/p1/1"),
        ("Observation/o1", [include("*", "*")], "Observation/o2/1 Patient/p1/1"),
        ("Observation/o1", [include("Observation", "has-member")], "Observation/o2/1"),
        ("Observation/o1", [include("Observation", "has-member", iterate=True)], "Observation/o2/1 Observation/o3/1"),
        (
            "Observation/o1",
            [include("Observation", "subject"), include("Patient", "organization", iterate=True)],
            "Patient/p1/1 Organization/g/1",
        ),
        ("Patient/p1", [revinclude("Observation", "subject")], "Observation/o1/1"),
        ("Patient/p1", [revinclude("Observation", "*")], "Observation/o1/1"),
        ("Patient/p1", [revinclude("*", "*")], "Condition/c1/1 Observation/o1/1"),
        ("Patient/p1", [revinclude("Condition", "subject")], "Condition/c1/1"),
        (
            "Patient/p1",
            [revinclude("Observation", "subject"), revinclude("Condition", "evidence-detail", iterate=True)],
            "Observation/o1/1 Condition/c1/1",
        ),
        (
            "Patient/p1",
            [revinclude("Observation", "subject"), include("Observation", "has-member", iterate=True)],
            "Observation/o1/1 Observation/o2/1 Observation/o3/1",
        ),
        ("Patient/p2", [revinclude("Observation", "derived-from")], ""),
    ],
)
async def test_an_include_brings_what_it_names_once(
    filled: Repository, wanted: str, asked: list[Include], expected: str
) -> None:
    assert await brought(filled, wanted, *asked) == expected


@pytest.mark.rule("INC-4")
async def test_a_versioned_reference_brings_that_version(filled: Repository) -> None:
    await filled.commit([Update("Patient", "p1", patient(active=True))], OPEN)
    await filled.commit([Create("Observation", observation("Patient/p1/_history/1"), "o5")], OPEN)
    await filled.commit([Create("Observation", observation("Patient/p1/_history/2"), "o6")], OPEN)
    await filled.commit([Create("Observation", observation("Patient/p1/_history/7"), "o7")], OPEN)
    subject = include("Observation", "subject")
    assert await brought(filled, "Observation/o5", subject) == "Patient/p1/1"
    assert await brought(filled, "Observation/o6", subject) == "Patient/p1/2"
    assert await brought(filled, "Observation/o7", subject) == ""
    assert await brought(filled, "Observation/o1,o5", subject) == "Patient/p1/2 Patient/p1/1"


async def test_what_is_deleted_or_may_not_be_read_is_left_out(filled: Repository) -> None:
    await filled.commit([Delete("Patient", "p2"), Delete("Condition", "c1")], OPEN)
    assert await brought(filled, "Observation/o2", include("Observation", "subject")) == ""
    assert await brought(filled, "Patient/p1", revinclude("Condition", "subject")) == ""
    access = Access((Grant("rs", "Observation"),))
    everything = (include("*", "*"), revinclude("*", "*"))
    assert await brought(filled, "Observation/o1", *everything, access=access) == "Observation/o2/1 Observation/o3/1"


async def test_too_much_is_cut_and_said_to_be(filled: Repository) -> None:
    one = {"includes": (include("Observation", "*"),), "extent": IncludeExtent(most=1)}
    page = await filled.search(Query((TypeSearch("Observation"),), **one), OPEN)
    assert len(page.included) == 1
    assert page.included_cut
