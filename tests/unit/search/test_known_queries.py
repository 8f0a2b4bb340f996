"""A query is read once, unless it means another thing the next time."""

from __future__ import annotations

import pytest

from fhir_service.search.known_queries import KnownQueries
from fhir_service.search.query import parse_query
from fhir_service.search.query_text import read_pairs


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("family=Wirbel&_count=5", True),
        ("birthdate=ge1950&_sort=-birthdate", True),
        ("family=Kaplan", True),
        ("birthdate=ap1950-01-01", False),
        ("_lastUpdated=gt2020,ap2026", False),
        ("_filter=birthdate ap 1950", False),
        ("identifier:in=http://example.org/ValueSet/a", False),
        ("_has:Observation:patient:code:not-in=http://example.org/ValueSet/a", False),
        ("_tag:below=http://example.org|a", False),
        ("family=" + "x" * 2000, False),
    ],
)
def test_what_lasts_is_kept(asked: str, kept: bool) -> None:
    known = KnownQueries()
    key = (("Patient",), read_pairs(asked), "http://localhost/fhir", None)
    query = parse_query("Patient", ())
    known.keep(key, query)
    assert (known.get(key) is query) == kept


def test_there_are_not_more_than_some_of_them() -> None:
    known = KnownQueries()
    for number in range(3000):
        known.keep((("Patient",), (("_id", str(number)),), "", None), parse_query("Patient", ()))
    assert len(known._known) <= 1024
