"""The answer to one submission: the OperationOutcome of HL7's registry guide (CREDS 1.0.0, CREDSOperationOutcome).

Which submission it was stands in the first issue and nowhere else; every other issue is one finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.outcomes import shown

PROFILE = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSOperationOutcome"
RULES = "/CodeSystem/submission-rule"
_GENERAL = "submission.invalid"
"""The rule of a finding that names none."""


def submission_outcome(submission: str, findings: Iterable[Issue], *, base: str, root: str) -> dict[str, Any]:
    """The outcome of the submission with that id. `base` is the canonical base of the rules' code system, `root` what
    was sent as expressions name it: a finding without a place is about all of it."""
    told = [_finding(issue, base + RULES, root) for issue in findings]
    return {
        "resourceType": "OperationOutcome",
        "meta": {"profile": [PROFILE]},
        "issue": [{"severity": "information", "code": "informational", "diagnostics": shown(submission)}, *told],
    }


def _finding(issue: Issue, system: str, root: str) -> dict[str, Any]:
    """The guide has one issue code for all findings; what kind it is, its rule says."""
    return {
        "severity": issue.severity,
        "code": "processing",
        "details": {"coding": [{"system": system, "code": issue.rule or _GENERAL}]},
        "diagnostics": shown(issue.text),
        "expression": [shown(place) for place in issue.expression if place.strip()] or [root],
    }
