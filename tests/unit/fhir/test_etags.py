"""Versions as ETags."""

from __future__ import annotations

import pytest

from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.etags import etag, names_version, required_version, version_number


def test_a_version_is_a_weak_etag() -> None:
    assert etag(3) == 'W/"3"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("  ", None),
        ('W/"3"', 3),
        ('"3"', 3),
        (' W/"3" ', 3),
        ('W/"abc"', 0),
        ('W/"99999999999999999999"', 0),
    ],
)
def test_if_match_names_one_version(text: str, expected: int | None) -> None:
    assert required_version(text) == expected


@pytest.mark.parametrize("text", ["3", "*", 'W/"1", W/"2"', 'W/"1', "w/'1'"])
def test_if_match_that_is_no_etag_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="If-Match"):
        required_version(text)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('W/"2"', True),
        ('"2"', True),
        ('W/"1", W/"2"', True),
        ("*", True),
        ('W/"22"', False),
        ("2", True),
        ("22", False),
    ],
)
def test_if_none_match_names_the_versions_a_client_has(text: str, known: bool) -> None:
    assert names_version(text, 2) is known


@pytest.mark.parametrize("text", ["", "x", "-1", "1.0", "²", "9" * 16])
def test_a_version_id_that_is_no_number_of_ours_is_none(text: str) -> None:
    assert version_number(text) is None
