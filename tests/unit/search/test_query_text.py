from __future__ import annotations

import pytest

from fhir_service.search.query_text import split, unescaped


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a,b,,c", ["a", "b", "", "c"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        (r"a\\,b", [r"a\\", "b"]),
        ("a\\", ["a\\"]),
        ("", [""]),
    ],
)
def test_a_backslash_makes_a_comma_literal(text: str, parts: list[str]) -> None:
    assert split(text, ",") == parts


@pytest.mark.parametrize(("text", "plain"), [(r"\,\|\$\\", r",|$" + "\\"), (r"\n\,", r"\n,"), ("a\\", "a\\")])
def test_only_the_four_marks_can_be_escaped(text: str, plain: str) -> None:
    assert unescaped(text) == plain
