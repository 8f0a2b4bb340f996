"""Harms of one patient, when they began, how they ended and how long the patient was followed: one phrasing each."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from reading import codes, complication, complications, only, onset, revisions

FILES = ("courses", "thought_of", "quiet_times", "families")
CASES = [
    case
    for name in FILES
    for case in tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text("utf-8"))["case"]
]


def stated(value: tuple[str, str] | None) -> str:
    return "" if value is None or "None" in value else " ".join(value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_course_is_read_as_it_is_told(case: dict[str, Any]) -> None:
    found = only(case["text"])
    if "harms" in case:
        assert complications(found) - {"other", "death"} == set(case["harms"])
    for code, expected in case.get("onset", {}).items():
        assert stated(onset(complication(found, code))) == expected, code
    if "outcome" in case:
        ends = {harm.outcome.code for harm in found.complication if harm.outcome}
        assert ends == ({case["outcome"]} if case["outcome"] else set())
    if "revision" in case:
        assert revisions(found) == case["revision"]
    for code, levels in case.get("levels", {}).items():
        assert codes(complication(found, code).level) == levels
    if "follow_up" in case:
        lengths = [(str(f.value), f.unit or "") for f in found.observation if f.kind.code == "follow-up-duration"]
        assert [stated(length) for length in lengths] == ([case["follow_up"]] if case["follow_up"] else [])
