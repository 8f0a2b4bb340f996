"""Relative times."""

from __future__ import annotations

import pytest

from fhir_service.extraction.timeline import find_times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Six weeks later, she came back", ("after", "previous", "6", "wk")),
        ("on the third postoperative day", ("after", "surgery", "3", "d")),
        ("On POD 2 there was pain", ("after", "surgery", "2", "d")),
        ("On postoperative day (POD) 5", ("after", "surgery", "5", "d")),
        ("on postoperative 1 day", ("after", "surgery", "1", "d")),
        ("Fifteen days after vertebroplasty", ("after", "procedure", "15", "d")),
        ("twelve hours following T12 and L1 vertebroplasty", ("after", "procedure", "12", "h")),
        ("twenty-four hours after the intervention", ("after", "surgery", "24", "h")),
        ("Immediately after the procedure", ("after", "surgery", "0", "h")),
        ("in the course of percutaneous transpedicular vertebroplasty", ("concurrent", "procedure", "0", "h")),
        ("while PMMA was being injected", ("concurrent", "procedure", "0", "h")),
        ("two months after discharge", ("after", "discharge", "2", "mo")),
        ("four months after decompression", ("after", "treatment", "4", "mo")),
        ("a month earlier", ("before", "present", "1", "mo")),
        ("one and a half years later", ("after", "previous", "1.5", "a")),
        ("During L2, L3 vertebroplasty", ("concurrent", "procedure", "0", "h")),
        ("thirty seconds after the injection", ("after", "surgery", "0.5", "min")),
        ("a few seconds after the injection", ("after", "surgery", "0", "h")),
        ("by the sixth month", ("after", "surgery", "6", "mo")),
        ("on the evening of the same day", ("after", "previous", "0", "d")),
    ],
)
def test_a_relative_time_is_read(text: str, expected: tuple[str, str, str, str]) -> None:
    (time,) = find_times(text)
    assert (time.relation.value, time.anchor.value, str(time.value), time.unit) == expected


def test_a_range_keeps_both_ends() -> None:
    (time,) = find_times("3-4 weeks later")
    assert (str(time.low), str(time.high), time.unit) == ("3", "4", "wk")


@pytest.mark.parametrize("text", ["several days afterwards", "a few hours later", "over the following weeks"])
def test_a_vague_time_has_no_amount(text: str) -> None:
    (time,) = find_times(text)
    assert time.days is None


def test_within_gives_an_upper_end_only() -> None:
    (time,) = find_times("within 48 hours")
    assert (time.low, str(time.high)) == (None, "48")


@pytest.mark.parametrize(
    "text", ["a 48-year-old woman", "for two years", "at the age of 12 years old", "after two years of pain"]
)
def test_ages_and_durations_are_no_relative_times(text: str) -> None:
    assert find_times(text) == []
