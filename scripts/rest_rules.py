"""The checklists of rules (REST API, bulk export), the tests that are marked with them, and the page of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "conformance"
_NOT_DONE = "not-done"
_REST = """# The rules of the REST API, and the test that holds each

Made by `make rules` of [rules.toml](rules.toml) and of the marks on the tests; do not edit it. Tests that take a store
run on SQLite and on PostgreSQL. Specification: <http://hl7.org/fhir/R4/http.html>, `search.html`, `fhirpatch.html`.
"""
_BULK = """# The rules of bulk export, and the test that holds each

Made by `make rules` of [bulk-rules.toml](bulk-rules.toml) and of the marks on the tests; do not edit it. Tests that
take a store run on SQLite and on PostgreSQL. Specification: Bulk Data Access 3.0.0, <http://hl7.org/fhir/uv/bulkdata/>.
"""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of rules and the page that is made of it."""

    rules: Path
    page: Path
    head: str


LISTINGS = (
    Listing(FOLDER / "rules.toml", FOLDER / "rest-rules.md", _REST),
    Listing(FOLDER / "bulk-rules.toml", FOLDER / "bulk-rules.md", _BULK),
)


@dataclass(frozen=True, slots=True)
class Checklist:
    """`sections` has wording by id, by title; `not_done` the reason by id."""

    sections: Mapping[str, Mapping[str, str]]
    not_done: Mapping[str, str]

    @property
    def ids(self) -> set[str]:
        return {rule for rules in self.sections.values() for rule in rules}


def checklist(file: Path) -> Checklist:
    content = tomllib.loads(file.read_text())
    not_done = content.pop(_NOT_DONE)
    return Checklist(content, not_done)


def every_rule() -> Checklist:
    """All lists as one."""
    found = [checklist(listing.rules) for listing in LISTINGS]
    sections = {title: section for one in found for title, section in one.sections.items()}
    return Checklist(sections, {rule: why for one in found for rule, why in one.not_done.items()})


def marks() -> dict[str, list[str]]:
    """The tests (file::name) by the rule they are marked with, as pytest collects them, the long ones too.

    Raises RuntimeError where the tests cannot be collected.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "marks.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-m",
            "",
            "-p",
            "rule_marks",
            "-p",
            "no:cacheprovider",
        ]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
        done = subprocess.run(
            [*command, "--rule-marks", str(report), "tests"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        found: dict[str, list[str]] = json.loads(report.read_text())
        return found


def contradictions(rules: Checklist, tests: Mapping[str, Sequence[str]]) -> list[str]:
    """What does not fit between the list and the marks, one sentence each."""
    known = rules.ids
    return [
        *(f"{rule} is marked on {tests[rule][0]} and is no rule" for rule in sorted(set(tests) - known)),
        *(f"{rule} is listed as not done and is no rule" for rule in sorted(set(rules.not_done) - known)),
        *(f"{rule} has no test and no reason" for rule in sorted(known - set(tests) - set(rules.not_done))),
        *(f"{rule} is not done and held by {tests[rule][0]}" for rule in sorted(set(rules.not_done) & set(tests))),
        *(f"{rule} is not done without a reason" for rule, why in rules.not_done.items() if not why.strip()),
    ]


def page(rules: Checklist, tests: Mapping[str, Sequence[str]], head: str) -> str:
    held = len(rules.ids & set(tests))
    parts = [head, f"{held} of {len(rules.ids)} rules are held by a test.\n"]
    for title, section in rules.sections.items():
        rows = [f"| {rule} | {_cell(says)} | {_held(rule, rules, tests)} |" for rule, says in section.items()]
        parts.append("\n".join([f"## {title}", "| id | what it says | held by |", "|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _held(rule: str, rules: Checklist, tests: Mapping[str, Sequence[str]]) -> str:
    if rule in tests:
        return "<br>".join(f"`{test}`" for test in tests[rule])
    return _cell(f"not done: {rules.not_done.get(rule, '')}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
