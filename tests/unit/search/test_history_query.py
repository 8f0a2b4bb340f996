"""What a history asks for."""

from __future__ import annotations

import pytest

from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.search.history_query import HistoryQuery, history_cursor, parse_history


def parsed(*pairs: tuple[str, str]) -> HistoryQuery:
    return parse_history(pairs, default_count=50, max_count=100)


def test_a_date_is_the_time_it_names() -> None:
    query = parsed(("_since", "1970-01-02"), ("_at", "1970"))
    assert query.since == 86_400_000
    assert query.at == (0, 365 * 86_400_000)


@pytest.mark.parametrize(("value", "count"), [("7", 7), ("101", 100), ("99999999999999999999", 100), ("0", 50)])
def test_a_page_has_its_bounds(value: str, count: int) -> None:
    query = parsed(("_count", value))
    assert (query.count, query.count_only) == (count, value == "0")


def test_a_place_comes_back_as_it_was_given() -> None:
    assert parsed(("_cursor", history_cursor(123))).after == 123


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("_since", "yesterday"), ("_at", "2026-13"), ("_count", "-1"), ("_count", "a"), ("_total", "x")],
        *[("_cursor", "!"), ("_cursor", "MTo1"), ("_cursor", history_cursor(2**63)), ("_cursor", "aDE6LTE")],
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parsed((name, value))
    assert refused.value.issues[0].expression == (f"http.{name}",)


@pytest.mark.rule("HIS-3")
def test_a_parameter_that_stands_twice_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        parsed(("_since", "2026"), ("_since", "2025"))


def test_a_list_is_refused_and_not_passed_over() -> None:
    with pytest.raises(UnsupportedParameter):
        parsed(("_list", "List/1"))


def test_what_it_does_not_know_is_told_and_left_out_of_links() -> None:
    query = parsed(("_sort", "-_lastUpdated"), ("_format", "json"), ("code", "x"), ("_at", ""), ("_sort:x", "y"))
    assert query.applied == ()
    assert [issue.expression for issue in query.ignored] == [("http.code",), ("http._at",), ("http._sort:x",)]
