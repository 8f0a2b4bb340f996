"""A plugin of pytest: writes which tests are marked with which rules of the REST checklist."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rule-marks", default="", help="write the marked tests by rule to this JSON file")


def pytest_collection_finish(session: pytest.Session) -> None:
    file = session.config.getoption("--rule-marks")
    if not file:
        return
    Path(file).write_text(json.dumps(marks_of(session.items)))


def marks_of(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """The tests (file::name) by the rule they are marked with."""
    found: dict[str, set[str]] = {}
    for item in items:
        name = item.nodeid.partition("[")[0].removeprefix("tests/")
        for mark in item.iter_markers("rule"):
            for rule in mark.args:
                found.setdefault(rule, set()).add(name)
    return {rule: sorted(tests) for rule, tests in sorted(found.items())}
