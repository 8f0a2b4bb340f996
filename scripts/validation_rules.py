"""The catalogue of the rules that resources are checked against, made of the cases that break each."""

from __future__ import annotations

import sys
from pathlib import Path

from rule_rows import as_shown, row

from fhir_service.definitions.invariants import invariants
from fhir_service.fhir.errors import Issue
from fhir_service.validation.resource_findings import resource_findings
from fhir_service.validation.structure import findings

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from invariant_cases import CODE_CASES, OTHER_CASES, Case, cases, code_and_reference_findings  # noqa: E402  # a folder of tests, not on the path
from profile_cases import ProfileCase, TextCase, profile_cases, text_cases  # noqa: E402  # the same folder

PAGE = ROOT / "docs" / "conformance" / "validation-rules.md"
_HEAD = """# The rules a resource is checked against

Made by `make rules` of the cases in `tests/unit/validation/*_cases*.toml`; do not edit it. For each rule: whether it
refuses a resource (error) or is only told (warning, information), what a finding says, HL7's own sentence where it is
an invariant of R4, and what breaks it: what is put into a resource that has only what R4 requires; for profiles what
the profile says of Patient too. `profile.…`, `code.…` and `reference.…` are looked at by `$validate`, and in writes
where the settings say so (`docs/howto/validate.md`); `value.…` by `$validate`.

| rule | severity | what a finding says | in R4 | what breaks it |
|---|---|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    human = {entry.key: entry.human for stated in invariants().values() for entry in stated}
    every = sorted((*cases(), *cases(OTHER_CASES), *cases(CODE_CASES)), key=lambda case: case.name)
    rows = [_text_row(case, human.get(case.rule, "")) for case in text_cases()]
    rows += [_row(case, human.get(case.rule, "")) for case in every]
    rows += [_profile_row(case) for case in profile_cases()]
    return _HEAD + "".join(rows)


def _text_row(case: TextCase, human: str) -> str:
    return _cells(case.rule, findings(case.bad.encode())[0], human, case.bad)


def _profile_row(case: ProfileCase) -> str:
    issue = next(issue for issue in case.issues(case.bad) if issue.rule == case.rule)
    return _cells(case.rule, issue, "", as_shown(case.shown))


def _row(case: Case, human: str) -> str:
    found = resource_findings(case.bad) + code_and_reference_findings(case.bad)
    issue = next(issue for issue in found if issue.rule == case.rule)
    return _cells(case.name, issue, human, as_shown(case.shown))


def _cells(name: str, issue: Issue, human: str, shown: str) -> str:
    cells = (f"`{name}`", issue.severity, issue.text, human, f"`{shown}`")
    return row(cells)
