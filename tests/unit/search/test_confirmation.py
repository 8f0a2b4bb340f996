from __future__ import annotations

import pytest

from fhir_service.search.confirmation import Confirmation
from fhir_service.search.query import parse_query

TEXT = (
    b'{"resourceType":"Observation","code":{"coding":[{"system":"http:\\/\\/loinc.org","code":"ABC"}]},'
    b'"subject":{"reference":"https://own.example/Patient/a"},"status":"fin\\u0061l"}'
)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("code", "ABC", True),
        ("code", "abc", True),
        ("code", "http://loinc.org|ABC", True),
        ("code", "http://loinc.org|", True),
        ("code", "other|ABC", False),
        ("code", "nothing,abc", True),
        ("code", "ABCD", False),
        ("status", "final", True),
        ("patient", "a", True),
        ("patient", "b", False),
    ],
)
def test_a_match_stands_in_the_text_however_it_is_written(name: str, value: str, expected: bool) -> None:
    query = parse_query("Observation", [(name, value)], base="https://own.example")
    assert Confirmation(query, "https://own.example").holds(TEXT) is expected
