"""What references look like."""

from __future__ import annotations

import pytest

from fhir_service.fhir.references import is_conditional, references_in, restful_url

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450f1"


def test_references_are_found_in_their_order() -> None:
    resource = {"a": [{"reference": "A/1"}, {"b": {"reference": "B/2"}}], "c": {"reference": {"reference": "C/3"}}}
    assert list(references_in(resource)) == ["A/1", "B/2", "C/3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/1", ("", "Patient", "1", "")),
        ("http://a.example/r4/Patient/1/_history/2", ("http://a.example/r4", "Patient", "1", "2")),
        ("patient/1", None),
        ("Patient/1/x", None),
        ("Patient/" + "x" * 65, None),
        (URN, None),
        ("#p", None),
        ("Patient?identifier=1", None),
    ],
)
def test_restful_urls_are_told_apart(text: str, expected: tuple[str, ...] | None) -> None:
    assert restful_url(text) == expected


def test_a_search_is_a_conditional_reference() -> None:
    assert is_conditional("Patient?identifier=1")
    assert not is_conditional("http://a.example/x?y=1")
    assert not is_conditional("Patient/1")
