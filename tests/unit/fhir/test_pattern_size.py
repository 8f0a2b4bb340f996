"""Regular expressions that would take all memory before they look at a text are not begun."""

import pytest

from fhir_service.fhir.fhirpath_budget import TooCostly, search, substitute
from fhir_service.fhir.pattern_size import MOST_PARTS, is_too_large, parts


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", 0),
        ("abc", 3),
        (r"\d{3}", 3),
        ("[A-Z{9}]{4}", 4),
        ("[]]{4}", 4),
        (r"[^\]]{4}", 4),
        ("(ab){3}", 9),
        ("((ab){3}){2}", 20),
        ("a{2,5}b", 6),
        ("a{,5}", 5),
        ("a{0}", 1),
        ("{3}", 0),
        (r"\{3}", 3),
        (r"\(a{3}", 4),
        ("a)b", 3),
        ("[ab", 1),
        ("a{x}", 4),
    ],
)
def test_counted_repetitions_are_written_out(pattern: str, expected: int) -> None:
    assert parts(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    ["a{99999999}", "a{" + "9" * 5000 + "}", "(((((a{30}){30}){30}){30}){30})", "(?R)", "(a|(?1))b", "(?<n>a)(?&n)"],
)
def test_what_becomes_too_large_is_refused_before_it_is_run(pattern: str) -> None:
    assert is_too_large(pattern)
    with pytest.raises(TooCostly, match=f"{MOST_PARTS:,} parts"):
        search(pattern, "a")
    with pytest.raises(TooCostly):
        substitute(pattern, "b", "a")


@pytest.mark.parametrize("pattern", ["[A-Z]([A-Za-z0-9_]){0,254}", "(?:a)(?=b)(?!c)(?<n>d)", "a{1,64}(b{1,64})*"])
def test_what_profiles_ask_for_is_run(pattern: str) -> None:
    assert not is_too_large(pattern)
