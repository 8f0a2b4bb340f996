"""What each kind of criterion finds, in queries built without a query string."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from stored_resources import condition, observation, patient, text

from fhir_service.fhir.access import OPEN, Access, Grant
from fhir_service.fhir.errors import InvalidParameter, TookTooLong
from fhir_service.search import terms
from fhir_service.search.criteria import (
    AllOf,
    AnyCriterion,
    AnyOf,
    Comparison,
    HasInterval,
    HasTerm,
    HasText,
    HasWords,
    IdCriterion,
    LastUpdatedCriterion,
    Not,
    PointedAtBy,
    PointsAt,
)
from fhir_service.search.dates import Range, date_range
from fhir_service.search.query import Query, TypeSearch
from fhir_service.storage.index_rows import HEAD
from fhir_service.storage.repository import Create, Delete, Repository, Update

LONG = "a very long name that goes on " * 8


def quantity(value: float) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": "mg"}}


def narrative(words: str) -> dict[str, Any]:
    return {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}}


@pytest_asyncio.fixture
async def filled(repository: Repository) -> Repository:
    await repository.commit(
        [
            Create("Patient", patient(name=[{"family": "Smith", "given": ["Anna"]}], gender="female"), "p1"),
            Create("Patient", patient(name=[{"family": "Smithers"}], gender="male", birthDate="1950"), "p2"),
            Create("Patient", patient(name=[{"family": LONG + "one"}, {"family": "smith"}], gender="male"), "p3"),
            Create("Patient", patient(name=[{"family": LONG + "two"}]), "p4"),
            Create("Observation", observation("Patient/p1", "a", effectiveDateTime="2020", **quantity(1.5)), "o1"),
            Create("Observation", observation("Patient/p2", "b", effectiveDateTime="2021-05", **quantity(-2)), "o2"),
            Create("Observation", observation("Patient/p2", "a", **narrative("Cement leaked, into a vein.")), "o3"),
            Create("Observation", observation("Patient/none", "b", note=[{"text": "a Vein and nerve"}]), "o4"),
            Create(
                "Condition", condition("Patient/p1", evidence=[{"detail": [{"reference": "Observation/o2"}]}]), "c1"
            ),
            Create("Condition", condition("Patient/p3", asserter={"reference": "Patient/p1"}), "c2"),
            Create("Provenance", text({"resourceType": "Provenance", "target": [{"reference": "Condition/c1"}]}), "x1"),
        ],
        OPEN,
    )
    return repository


def code(*codes: str) -> HasTerm:
    return HasTerm(tuple(terms.code_term("Observation", "code", one) for one in codes))


def gender(value: str) -> HasTerm:
    return HasTerm((terms.code_term("Patient", "gender", value),))


def date(*alternatives: tuple[Comparison, ...]) -> HasInterval:
    return HasInterval("date", terms.interval_scope("Observation", "date"), alternatives)


def value(*comparisons: Comparison) -> HasInterval:
    return HasInterval("number", terms.interval_scope("Observation", "value-quantity"), (comparisons,))


def family(match: Any, *texts: str) -> HasText:
    return HasText(terms.text_scope("Patient", "family", "string"), match, texts)


def subject(*criteria: AnyCriterion) -> PointsAt:
    return PointsAt(terms.link_scope("Observation", "subject"), "Patient", criteria)


def subject_of(source: str, *criteria: AnyCriterion) -> PointedAtBy:
    return PointedAtBy(terms.link_scope(source, "subject"), source, criteria)


FROM_2021 = (Comparison("high", ">", date_range("2021").low),)
BEFORE_2021 = (Comparison("low", "<", date_range("2021").low),)
IN_MAY = (Comparison("low", ">=", date_range("2021-05").low), Comparison("high", "<=", date_range("2021-05").high))
DETAIL = terms.link_scope("Condition", "evidence-detail")
TARGET = terms.link_scope("Provenance", "target")
CASES: dict[str, tuple[str, tuple[AnyCriterion, ...], str]] = {
    "nothing asked": ("Observation", (), "o1 o2 o3 o4"),
    "a term": ("Observation", (code("a"),), "o1 o3"),
    "one of many terms": ("Observation", (code("a", *(f"n{n}" for n in range(200))),), "o1 o3"),
    "no term": ("Observation", (HasTerm(()),), ""),
    "a term of a patient": (
        "Observation",
        (HasTerm((terms.reference_term("Observation", "subject", "Patient/p2"),), "p2"), code("a")),
        "o3",
    ),
    "a date": ("Observation", (date(IN_MAY),), "o2"),
    "dates to either side": ("Observation", (date(FROM_2021), date(BEFORE_2021)), ""),
    "one of two ranges": ("Observation", (date(BEFORE_2021, IN_MAY),), "o1 o2"),
    "a number": ("Observation", (value(Comparison("low", ">=", 1.5), Comparison("high", "<=", 1.5)),), "o1"),
    "a number below": ("Observation", (value(Comparison("low", "<", 0)),), "o2"),
    "the start of a text": ("Patient", (family("starts", "smith"),), "p1 p2 p3"),
    "one of two starts": ("Patient", (family("starts", "smithe", "a very long name"),), "p2 p3 p4"),
    "a start as long as the index": ("Patient", (family("starts", LONG[:HEAD]),), "p3 p4"),
    "a start longer than the index": ("Patient", (family("starts", LONG + "two"),), "p4"),
    "a start that is no pattern": ("Patient", (family("starts", "smit_", "%"),), ""),
    "a part of a text": ("Patient", (family("contains", "mither"),), "p2"),
    "a part far behind": ("Patient", (family("contains", "goes on one"),), "p3"),
    "a word of the narrative": ("Observation", (HasWords("narrative", (("VEIN",),)),), "o3"),
    "words of the content": ("Observation", (HasWords("content", (("vein", "nerve"), ("nothing",))),), "o4"),
    "a word anywhere": ("Observation", (HasWords("content", (("vein",),)),), "o3 o4"),
    "words that are none": ("Observation", (HasWords("content", (("' & (",), ("",))),), ""),
    "an id": ("Observation", (IdCriterion(("o2", "o9", "p1", "o\x002")),), "o2"),
    "an instant": ("Observation", (LastUpdatedCriterion((Range(0, 1), Range(2, 2**62))), code("b")), "o2 o4"),
    "no instant": ("Observation", (LastUpdatedCriterion((Range(0, 1),)),), ""),
    "a chain": ("Observation", (subject(family("starts", "smithers")),), "o2 o3"),
    "a chain to what is there": ("Observation", (subject(),), "o1 o2 o3"),
    "a chain that asks for two things": ("Observation", (subject(family("starts", "smith"), gender("female")),), "o1"),
    "a chain beside a term": ("Observation", (subject(gender("male")), code("a")), "o3"),
    "a chain of two": ("Condition", (PointsAt(DETAIL, "Observation", (subject(gender("male")),)),), "c1"),
    "a chain of three": (
        "Provenance",
        (PointsAt(TARGET, "Condition", (PointsAt(DETAIL, "Observation", (code("b"),)),)),),
        "x1",
    ),
    "pointed at": ("Patient", (subject_of("Observation", code("a")),), "p1 p2"),
    "pointed at by two": ("Patient", (subject_of("Observation"), subject_of("Condition")), "p1"),
    "pointed at by a chain": (
        "Observation",
        (PointedAtBy(DETAIL, "Condition", (PointedAtBy(TARGET, "Provenance", ()),)),),
        "o2",
    ),
    "not a term": ("Observation", (Not(code("a")),), "o2 o4"),
    "not a date, which includes those without": ("Observation", (Not(date(FROM_2021)),), "o1 o3 o4"),
    "not a chain, which includes those to nothing": ("Observation", (Not(subject(gender("male"))),), "o1 o4"),
    "not pointed at": ("Patient", (Not(subject_of("Condition")), gender("male")), "p2"),
    "not not": ("Observation", (Not(Not(code("a"))),), "o1 o3"),
    "any of": ("Observation", (AnyOf((code("b"), date(BEFORE_2021))),), "o1 o2 o4"),
    "any of, once each": ("Observation", (AnyOf((code("a"), code("a", "b"))),), "o1 o2 o3 o4"),
    "any of none": ("Observation", (AnyOf(()),), ""),
    "all of none": ("Observation", (AllOf(()), code("b")), "o2 o4"),
    "all of, within any of": (
        "Observation",
        (AnyOf((AllOf((code("a"), subject(gender("female")))), AllOf((code("b"), Not(subject()))))),),
        "o1 o4",
    ),
    "not all of": ("Observation", (Not(AllOf((code("a"), date(BEFORE_2021)))),), "o2 o3 o4"),
}


async def found(repository: Repository, resource_type: str, *criteria: AnyCriterion, access: Access = OPEN) -> str:
    query = Query((TypeSearch(resource_type, criteria),))
    page = await repository.search(query, access)
    assert await repository.count(query, access) == len(page.matches)
    return " ".join(stored.id for stored in page.matches)


async def test_each_criterion_finds_what_meets_it(filled: Repository) -> None:
    answers = {name: await found(filled, kind, *criteria) for name, (kind, criteria, _) in CASES.items()}
    assert answers == {name: expected for name, (_, _, expected) in CASES.items()}


async def test_what_may_not_be_read_is_not_there_at_the_end_of_a_chain(filled: Repository) -> None:
    access = Access((Grant("rs", "Observation"),))
    assert await found(filled, "Observation", subject(), access=access) == ""
    assert await found(filled, "Observation", Not(subject()), access=access) == "o1 o2 o3 o4"
    assert await found(filled, "Observation", AnyOf((subject(), code("a"))), access=access) == "o1 o3"
    assert await found(filled, "Patient", access=access) == ""
    access = Access((Grant("rs", "Patient"), Grant("rs", "Condition")))
    assert await found(filled, "Patient", subject_of("Observation"), access=access) == ""


async def test_an_update_changes_what_is_found_and_a_deletion_ends_it(filled: Repository) -> None:
    wanted = [
        date(IN_MAY),
        value(Comparison("low", "<", 0)),
        subject(gender("male")),
        HasWords("content", (("nerve",),)),
    ]
    before = [await found(filled, "Observation", one) for one in wanted]
    assert before == ["o2", "o2", "o2 o3", "o4"]
    here = observation("Patient/p3", "b", effectiveDateTime="2021-05-03", note=[{"text": "nerve"}], **quantity(-7))
    await filled.commit([Update("Observation", "o3", here), Update("Observation", "o2", observation())], OPEN)
    assert [await found(filled, "Observation", one) for one in wanted] == ["o3", "o3", "o3", "o3 o4"]
    await filled.commit([Delete("Observation", "o3"), Delete("Patient", "p1")], OPEN)
    assert [await found(filled, "Observation", one) for one in wanted] == ["", "", "", "o4"]
    assert await found(filled, "Observation", subject()) == ""
    assert await found(filled, "Observation", Not(code("a"))) == "o2 o4"
    await filled.commit([Update("Patient", "p1", patient(gender="male"))], OPEN)
    assert await found(filled, "Observation", subject(gender("male"))) == "o1 o2"


async def test_erased_resources_leave_no_row(filled: Repository) -> None:
    await filled.commit([Delete("Observation", "o1")], OPEN)
    keys = [("Patient", f"p{n}") for n in range(1, 5)] + [("Observation", f"o{n}") for n in range(1, 5)]
    await filled.erase([*keys, ("Condition", "c1"), ("Condition", "c2"), ("Provenance", "x1")], OPEN)
    async with filled._database.reading() as session:
        for table in ("resource_current", "date_value", "number_value", "text_value", "link", "full_text"):
            assert await session.fetch(f"SELECT * FROM {table}") == [], table


async def test_a_search_too_deep_or_too_long_is_refused(filled: Repository) -> None:
    deep: AnyCriterion = code("a")
    for _ in range(30):
        deep = Not(deep)
    with pytest.raises(InvalidParameter, match="deep"):
        await found(filled, "Observation", deep)
    with pytest.raises(InvalidParameter, match="1000"):
        await found(filled, "Observation", *(Not(code(str(n))) for n in range(501)))


async def test_a_statement_that_takes_too_long_is_ended(repository: Repository) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    async with repository._database.searching() as session:
        await session.limit(0.05)
        with pytest.raises(TookTooLong) as refused:
            await session.fetch(endless)
        assert (refused.value.status, refused.value.issues[0].code) == (503, "too-costly")
        await session.limit(20)
        assert [tuple(row) for row in await session.fetch("SELECT 1")] == [(1,)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_many_matches_may_be_estimated(filled: Repository) -> None:
    query = Query((TypeSearch("Observation", (code("a"),)),), total="estimate")
    assert await filled.count(query, OPEN) == 2
