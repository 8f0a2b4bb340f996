"""What is found by each kind of parameter, and what is not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import pytest_asyncio
from stored_resources import LOINC, condition, observation, patient, text

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.json_text import instant
from fhir_service.search.query import parse_query
from fhir_service.storage import postgresql_search
from fhir_service.storage.repository import Create, Delete, Repository, Update

Pairs = Sequence[tuple[str, str]]
LAB = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}


@pytest_asyncio.fixture
async def filled(repository: Repository) -> Repository:
    code = {"coding": [{"system": LOINC, "code": "1988-5"}, {"code": "CRP"}], "text": "CRP"}
    two_codings = {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": {"reference": "Patient/p2"},
    }
    await repository.commit(
        [
            Create("Patient", patient(gender="female", identifier=[{"system": "urn:a", "value": "K-1"}]), "p1"),
            Create("Patient", patient(gender="male", identifier=[{"value": "K-1"}], deceasedBoolean=True), "p2"),
            Create("Patient", patient(gender="male", deceasedBoolean=False, active=True), "P2"),
            Create("Observation", observation("Patient/p1", "1988-5"), "o1"),
            Create("Observation", observation("Patient/p1", category=[LAB]), "o2"),
            Create("Observation", observation("Patient/p2/_history/1", "1988-5", status="amended"), "o3"),
            Create("Observation", observation("Group/p1", method={"coding": [{"code": "a,b|c"}]}), "o4"),
            Create("Observation", observation("http://other.example/fhir/Patient/p1", code="x", component=[]), "o5"),
            Create("Observation", text(two_codings), "o6"),
            Create("Condition", condition("Patient/p1"), "c1"),
        ],
        OPEN,
    )
    return repository


async def ids(repository: Repository, resource_type: str, pairs: Pairs) -> str:
    query = parse_query(resource_type, pairs)
    page = await repository.search(query, OPEN)
    assert page.next is None
    assert await repository.count(query, OPEN) == len(page.matches)
    assert not query.ignored
    return " ".join(stored.id for stored in page.matches)


@pytest.mark.parametrize(
    ("resource_type", "pairs", "expected"),
    [
        ("Observation", [], "o1 o2 o3 o4 o5 o6"),
        ("Group", [], ""),
        ("Patient", [("_id", "p2")], "p2"),
        ("Patient", [("_id", "P2,p1,nobody")], "p1 P2"),
        ("Patient", [("_id", "p1"), ("_id", "p2")], ""),
        ("Patient", [("_id", "p1,p2"), ("gender", "male")], "p2"),
        ("Observation", [("patient", "p1")], "o1 o2"),
        ("Observation", [("patient", "Patient/p1")], "o1 o2"),
        ("Observation", [("patient", "Patient/p2/_history/4")], "o3 o6"),
        ("Observation", [("patient", "p1,p2")], "o1 o2 o3 o6"),
        ("Observation", [("patient", "nobody")], ""),
        ("Observation", [("subject", "p1")], "o1 o2 o4"),
        ("Observation", [("subject", "Group/p1")], "o4"),
        ("Observation", [("subject:Patient", "p1")], "o1 o2"),
        ("Observation", [("subject", "http://other.example/fhir/Patient/p1")], "o5"),
        ("Observation", [("code", "1988-5")], "o1 o3 o6"),
        ("Observation", [("code", f"{LOINC}|1988-5")], "o1 o3 o6"),
        ("Observation", [("code", "urn:other|1988-5")], ""),
        ("Observation", [("code", "|CRP")], "o6"),
        ("Observation", [("code", "|1988-5")], ""),
        ("Observation", [("code", "crp")], "o6"),
        ("Observation", [("code", f"{LOINC}|")], "o1 o2 o3 o4 o5 o6"),
        ("Observation", [("code", "1234-5,X")], "o2 o4 o5"),
        ("Observation", [("code", "1988-5"), ("code", "CRP")], "o6"),
        ("Observation", [("method", r"a\,b\|c")], "o4"),
        ("Observation", [("patient", "p1"), ("code", f"{LOINC}|1988-5")], "o1"),
        ("Observation", [("patient", "p1"), ("category", "laboratory"), ("status", "final")], "o2"),
        ("Observation", [("status", "final"), ("code", "1988-5")], "o1 o6"),
        ("Observation", [("status", "amended,final"), ("code", "x,CRP,nothing")], "o5 o6"),
        ("Observation", [("combo-code", "1988-5")], "o1 o3 o6"),
        ("Patient", [("identifier", "urn:a|K-1")], "p1"),
        ("Patient", [("identifier", "|K-1")], "p2"),
        ("Patient", [("identifier", "K-1")], "p1 p2"),
        ("Patient", [("deceased", "true")], "p2"),
        ("Patient", [("deceased", "false")], "p1 P2"),
        ("Patient", [("active", "true")], "P2"),
        ("Condition", [("patient", "p1")], "c1"),
        ("Observation", [("_lastUpdated", "ge2000")], "o1 o2 o3 o4 o5 o6"),
        ("Observation", [("_lastUpdated", "lt2000"), ("patient", "p1")], ""),
        ("Observation", [("_lastUpdated", "lt2000,gt2001"), ("patient", "p1")], "o1 o2"),
    ],
)
async def test_each_parameter_finds_what_it_says(
    filled: Repository, resource_type: str, pairs: Pairs, expected: str
) -> None:
    assert await ids(filled, resource_type, pairs) == expected


async def test_the_instant_of_the_last_change_is_found_to_the_millisecond(filled: Repository) -> None:
    stored = await filled.read("Condition", "c1", OPEN)
    moment = int(stored.last_updated.timestamp() * 1000 + 0.5)
    for prefix, expected in (("", "c1"), ("ge", "c1"), ("le", "c1"), ("gt", ""), ("lt", ""), ("ne", ""), ("ap", "c1")):
        assert await ids(filled, "Condition", [("_lastUpdated", prefix + instant(moment))]) == expected
    assert await ids(filled, "Condition", [("_lastUpdated", "gt" + instant(moment - 1))]) == "c1"


async def test_a_changed_resource_is_found_by_what_it_is_now(filled: Repository) -> None:
    await filled.commit([Update("Observation", "o1", observation("Patient/p2", "new"))], OPEN)
    assert await ids(filled, "Observation", [("patient", "p1")]) == "o2"
    assert await ids(filled, "Observation", [("patient", "p2")]) == "o1 o3 o6"
    assert await ids(filled, "Observation", [("code", "1988-5")]) == "o3 o6"
    assert await ids(filled, "Observation", [("code", "new")]) == "o1"


async def test_a_deleted_resource_is_not_found_until_it_is_back(filled: Repository) -> None:
    await filled.commit([Delete("Observation", "o1")], OPEN)
    assert await ids(filled, "Observation", [("patient", "p1")]) == "o2"
    assert await ids(filled, "Observation", [("_id", "o1")]) == ""
    await filled.commit([Update("Observation", "o1", observation("Patient/p1"))], OPEN)
    assert await ids(filled, "Observation", [("patient", "p1")]) == "o1 o2"


@pytest.mark.parametrize("few", [1, 500])
async def test_a_text_of_few_and_one_of_many_are_found_alike(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(postgresql_search, "_FEW", few)
    names = {"p1": "Meier", "p2": "Meierling", "p3": "Maier", "p4": "Meier"}
    resources = [Create("Patient", patient(name=[{"family": name}]), one) for one, name in names.items()]
    await repository.commit(resources, OPEN)
    assert await ids(repository, "Patient", [("family", "meier")]) == "p1 p2 p4"
    assert await ids(repository, "Patient", [("family", "meier"), ("_sort", "-_id")]) == "p4 p2 p1"
    assert await ids(repository, "Patient", [("family", "maier"), ("_id", "p3,p4")]) == "p3"
