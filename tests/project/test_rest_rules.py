"""The checklists of rules are true: every rule has a test that names it, or a reason why it has none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

from rest_rules import (  # noqa: E402  # a folder of scripts, not on the path
    LISTINGS,
    Checklist,
    checklist,
    contradictions,
    every_rule,
    marks,
    page,
)
from rule_marks import marks_of  # noqa: E402  # as above

RULES = Checklist({"One": {"A-1": "a | b", "A-2": "b"}, "Two": {"B-1": "c"}}, {"B-1": "too early"})


def test_list_marks_and_page_agree(collected: list[pytest.Item]) -> None:
    every_file = {file.resolve() for file in (ROOT / "tests").rglob("test_*.py")}
    whole = {item.path.resolve() for item in collected} >= every_file
    tests = marks_of(collected) if whole else marks()
    assert contradictions(every_rule(), tests) == []
    for listing in LISTINGS:
        made = page(checklist(listing.rules), tests, listing.head)
        assert listing.page.read_text() == made, "the page is not what the tests say now: make rules"


def test_no_two_lists_have_a_rule_of_one_name() -> None:
    assert len(every_rule().ids) == sum(len(checklist(listing.rules).ids) for listing in LISTINGS)


@pytest.mark.parametrize(
    ("tests", "found"),
    [
        ({"A-1": ["t"], "A-2": ["t"]}, []),
        ({"A-1": ["t"]}, ["A-2 has no test and no reason"]),
        ({"A-1": ["t"], "A-2": ["t"], "C-1": ["t"]}, ["C-1 is marked on t and is no rule"]),
        ({"A-1": ["t"], "A-2": ["t"], "B-1": ["t"]}, ["B-1 is not done and held by t"]),
    ],
)
def test_what_does_not_fit_is_named(tests: dict[str, list[str]], found: list[str]) -> None:
    assert contradictions(RULES, tests) == found


def test_a_reason_is_needed_for_a_rule_that_there_is() -> None:
    rules = Checklist({"One": {"A-1": "a", "A-2": "b"}}, {"A-2": " ", "Z-9": "x"})
    assert contradictions(rules, {"A-1": ["t"]}) == [
        "Z-9 is listed as not done and is no rule",
        "A-2 is not done without a reason",
    ]


def test_the_page_has_a_row_for_each_with_its_tests_or_why_not() -> None:
    text = page(RULES, {"A-1": ["f.py::x", "f.py::y"], "A-2": ["f.py::x"]}, "# Rules\n")
    assert "2 of 3 rules are held by a test." in text
    assert "| A-1 | a \\| b | `f.py::x`<br>`f.py::y` |" in text
    assert "| B-1 | c | not done: too early |" in text
