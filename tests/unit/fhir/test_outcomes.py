"""OperationOutcomes are valid, and our models agree."""

from __future__ import annotations

import json

import pytest

from fhir_service.fhir.errors import Issue, NotFound
from fhir_service.fhir.models import built
from fhir_service.fhir.outcomes import operation_outcome, outcome_bytes
from fhir_service.validation.structure import findings

ISSUES = [
    Issue("error", "required", "status is missing", ("Observation.status",), "structure.required"),
    Issue("fatal", "exception", "it failed"),
    Issue("warning", "not-supported", ""),
]
WITH_CONTROLS = [Issue("error", "value", "'a\x00b\x7f' is no id", ("http.a\x01b",))]


def test_an_outcome_says_everything_an_issue_knows() -> None:
    first, second, third = operation_outcome(ISSUES)["issue"]
    assert first == {
        "severity": "error",
        "code": "required",
        "details": {"coding": [{"code": "structure.required"}]},
        "diagnostics": "status is missing",
        "expression": ["Observation.status"],
    }
    assert second == {"severity": "fatal", "code": "exception", "diagnostics": "it failed"}
    assert third == {"severity": "warning", "code": "not-supported"}


@pytest.mark.parametrize("issues", [[], ISSUES, WITH_CONTROLS, NotFound("nothing there").issues])
def test_an_outcome_is_valid_for_the_schema_and_for_the_model(issues: list[Issue]) -> None:
    text = outcome_bytes(issues)
    assert findings(text) == []
    assert json.loads(built(json.loads(text))) == json.loads(text)


def test_no_issues_are_told_as_all_well() -> None:
    (issue,) = operation_outcome([])["issue"]
    assert (issue["severity"], issue["code"]) == ("information", "informational")


def test_a_model_refuses_what_is_not_valid() -> None:
    with pytest.raises(ValueError, match="issue"):
        built({"resourceType": "OperationOutcome"})


def test_control_characters_of_what_was_sent_are_shown() -> None:
    (issue,) = operation_outcome(WITH_CONTROLS)["issue"]
    assert (issue["diagnostics"], issue["expression"]) == ("'a␀b␡' is no id", ["http.a␁b"])
