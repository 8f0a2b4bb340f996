"""Each rule of structure, profiles, codes, references, values and Bundles has what keeps it and what breaks it; a rule
that comes without a case fails here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from invariant_cases import CODE_CASES, cases
from profile_cases import ProfileCase, TextCase, profile_cases, text_cases

from fhir_service import validation
from fhir_service.validation.structure import findings
from fhir_service.validation.wording import ISSUE_CODES

_KEY = re.compile(r'"((?:structure|profile|bundle|code|reference|value|invariant)\.[a-z][a-z-]+)"')
_LIMIT = re.compile(r'"(profile\.(?:min|max)-value)"')
_REFUSED = re.compile(r'_refuse\(\s*"([a-z-]+)"')
LIMITS = {
    "structure.more", "invariant.more", "invariant.too-costly", "bundle.more", "code.more", "value.more",
    "profile.stopped", "structure.schema",
}  # fmt: skip
"""Not of resources: where a list ends, and that the schema refused what nothing explains; others test them."""


def stated() -> set[str]:
    """Every rule that the source names."""
    found = {f"structure.{name}" for name in ISSUE_CODES}
    for file in Path(validation.__file__).parent.rglob("*.py"):
        text = file.read_text("utf-8")
        found |= set(_KEY.findall(text))
        if file.name == "json_text.py":
            found |= {f"structure.{name}" for name in _REFUSED.findall(text)}
        found |= {f"{name}-not-checked" for name in _LIMIT.findall(text) if "-not-checked" in text}
    return found | {"txt-1", "txt-2"}


def test_every_rule_that_the_source_names_has_a_case() -> None:
    known = {case.rule for case in (*text_cases(), *profile_cases(), *cases(), *cases(CODE_CASES))}
    rules = stated()
    assert len(rules) > 60
    assert rules - LIMITS - known == set()
    assert LIMITS - rules == set(), "a limit that is no more"


@pytest.mark.parametrize("case", text_cases(), ids=lambda case: case.rule)
def test_a_rule_of_structure_is_kept_and_broken(case: TextCase) -> None:
    assert findings(case.good.encode()) == []
    assert [issue.rule for issue in findings(case.bad.encode())] == [case.rule]


@pytest.mark.parametrize("case", profile_cases(), ids=lambda case: case.rule)
def test_a_rule_of_profiles_is_kept_and_broken(case: ProfileCase) -> None:
    good = case.issues(case.good)
    assert [issue.rule for issue in good if issue.severity == "error"] == []
    assert case.rule not in [issue.rule for issue in good]
    assert case.rule in [issue.rule for issue in case.issues(case.bad)]
