"""Versions of definitions: which of two is the newer one."""

from __future__ import annotations

import pytest

from fhir_service.fhir.canonicals import version_order, versioned


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.9.0", "1.10.0"),
        ("1.0.0-alpha", "1.0.0"),
        ("1.0.0-alpha", "1.0.0-beta"),
        ("1.0", "1.0.1"),
        ("2025-12-31", "2026-01-01"),
        ("", "0"),
        ("draft", "1"),
        ("a", "b"),
    ],
)
def test_numbers_count_as_numbers_and_a_word_before_them(older: str, newer: str) -> None:
    assert version_order(older) < version_order(newer)
    assert not version_order(newer) < version_order(older)


def test_a_canonical_has_its_version_behind_a_bar() -> None:
    assert versioned("urn:x", "1") == "urn:x|1"
    assert versioned("urn:x", "") == "urn:x"
