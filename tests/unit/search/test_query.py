from __future__ import annotations

import pytest

from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.search import terms
from fhir_service.search.criteria import (
    HasTerm,
    IdCriterion,
    LastUpdatedCriterion,
)
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.query import CURSOR, Cursor, parse_query, search_parameters
from fhir_service.search.query_values import wanted_instants

BASE = "https://fhir.example.org/r4"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", terms.code_term("Observation", "code", "a")),
        ("s|a", terms.token_term("Observation", "code", "s", "a")),
        ("|a", terms.token_term("Observation", "code", None, "a")),
        ("s|", terms.system_term("Observation", "code", "s")),
        (r"a\|b", terms.code_term("Observation", "code", "a|b")),
        (r"s\,t|a\$b\\", terms.token_term("Observation", "code", "s,t", "a$b\\")),
    ],
)
def test_a_token_is_a_code_a_system_or_both(text: str, wanted: str) -> None:
    assert parse_query("Observation", [("code", text)]).criteria == (HasTerm((wanted,)),)


def test_commas_are_or_and_repetition_is_and() -> None:
    query = parse_query("Observation", [("code", "a,b"), ("code", "c"), ("_id", "x,y")])
    assert [len(criterion.terms) for criterion in query.indexed] == [2, 1]
    assert IdCriterion(("x", "y")) in query.criteria


@pytest.mark.parametrize(
    ("parameter", "text", "targets"),
    [
        ("patient", "a", ["Patient/a"]),
        ("patient", f"{BASE}/Patient/a", ["Patient/a"]),
        ("patient", "Patient/a/_history/2", ["Patient/a"]),
        ("patient", "https://other.example/Patient/a", ["https://other.example/Patient/a"]),
        ("subject:Device", "a", ["Device/a"]),
        ("subject", "a", ["Group/a", "Device/a", "Patient/a", "Location/a"]),
        ("focus", "a", [None]),
    ],
)
def test_a_reference_is_an_id_a_type_and_id_or_a_url(parameter: str, text: str, targets: list[str | None]) -> None:
    (criterion,) = parse_query("Observation", [(parameter, text)], base=BASE).indexed
    wanted = [
        terms.id_term("Observation", parameter, "a")
        if target is None
        else terms.reference_term("Observation", "subject", target)
        for target in targets
    ]
    assert set(criterion.terms) == set(wanted)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", [date_range("2024")]),
        ("ne2024-02", [Range(EARLIEST, date_range("2024-02").low), Range(date_range("2024-02").high, LATEST)]),
        ("gt2024", [Range(date_range("2025").low, LATEST)]),
        ("sa2024", [Range(date_range("2025").low, LATEST)]),
        ("lt2024", [Range(EARLIEST, date_range("2024").low)]),
        ("eb2024", [Range(EARLIEST, date_range("2024").low)]),
        ("ge2024", [Range(date_range("2024").low, LATEST)]),
        ("le2024", [Range(EARLIEST, date_range("2025").low)]),
        ("ap1970-01-01", [Range(-100_000, 86_500_000)]),
    ],
)
def test_prefixes_say_where_an_instant_lies(text: str, expected: list[Range]) -> None:
    assert wanted_instants("_lastUpdated", text, now=1_000_000) == expected


def test_several_instants_are_alternatives() -> None:
    (criterion,) = parse_query("Patient", [("_lastUpdated", "2023,ge2025")]).criteria
    assert isinstance(criterion, LastUpdatedCriterion)
    assert criterion.ranges == (date_range("2023"), Range(date_range("2025").low, LATEST))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "a|b|c"),
        ("code", "|"),
        ("code", ","),
        ("patient", "#contained"),
        ("patient", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        ("patient", "not an id"),
        ("patient", "Group/a"),
        ("subject:Group", "Patient/a"),
        ("_lastUpdated", "yesterday"),
        ("_lastUpdated", "2024-13"),
        ("_lastUpdated", "ge2024-02-30"),
        ("_lastUpdated", "2024-02-01T10"),
        ("_lastUpdated", "xx2024"),
        ("_count", "-1"),
        ("_count", "many"),
        ("_count", "²"),
        ("_total", "some"),
        ("_summary", "perhaps"),
        (CURSOR, "x"),
        (CURSOR, "MTpub25l"),
        (CURSOR, "é"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse_query("Observation", [(name, value)])
    assert refused.value.issues[0].expression == (f"http.{name.partition(':')[0]}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code:not", "a"),
        ("code:missing", "true"),
        ("patient:identifier", "s|v"),
        ("subject:Observation", "a"),
        ("_id:exact", "a"),
        ("_lastUpdated:missing", "true"),
        ("_count:x", "1"),
        ("_query", "named"),
    ],
)
def test_a_modifier_that_is_not_supported_is_refused(name: str, value: str) -> None:
    with pytest.raises(UnsupportedParameter):
        parse_query("Observation", [(name, value)])


@pytest.mark.parametrize("name", ["foo", "date", "value-quantity", "subject.name", "_has:Group:member:code", "_sort"])
def test_what_is_not_supported_is_reported_and_never_silently_dropped(name: str) -> None:
    query = parse_query("Observation", [(name, "x"), ("code", "a")])
    (issue,) = query.ignored
    assert (issue.severity, issue.code, issue.expression) == ("warning", "not-supported", (f"http.{name}",))
    assert query.applied == (("code", "a"),)


def test_a_parameter_without_value_is_reported() -> None:
    assert [issue.expression for issue in parse_query("Patient", [("gender", " ")]).ignored] == [("http.gender",)]


@pytest.mark.parametrize(
    ("pairs", "count", "count_only"),
    [
        ([], 50, False),
        ([("_count", "7")], 7, False),
        ([("_count", "1000000000")], 1000, False),
        ([("_count", "0")], 50, True),
        ([("_summary", "count")], 50, True),
        ([("_summary", "false")], 50, False),
    ],
)
def test_pages_have_a_size_and_a_limit(pairs: list[tuple[str, str]], count: int, count_only: bool) -> None:
    query = parse_query("Patient", pairs)
    assert (query.count, query.count_only) == (count, count_only)


def test_the_api_can_set_the_sizes_of_pages() -> None:
    assert parse_query("Patient", [], default_count=10, max_count=20).count == 10
    assert parse_query("Patient", [("_count", "99")], default_count=10, max_count=20).count == 20


def test_a_cursor_comes_back_as_the_key_it_was_made_of() -> None:
    place = Cursor((), 12345678901)
    assert parse_query("Patient", [(CURSOR, place.text(()))]).after == place


def test_presentation_is_not_a_criterion() -> None:
    query = parse_query("Patient", [("_format", "json"), ("_pretty", "true")])
    assert (query.criteria, query.applied, query.ignored) == ((), (), ())


@pytest.mark.parametrize("kind", ["Patient", "Observation", "AdverseEvent", "Provenance", "DetectedIssue"])
def test_every_parameter_that_is_offered_can_be_used(kind: str) -> None:
    values = {"token": "a", "reference": "a", "date": "2024"}
    for name, search_type in search_parameters(kind):
        assert not parse_query(kind, [(name, values[search_type])]).ignored
