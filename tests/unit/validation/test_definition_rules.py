"""What prose asks of questionnaires, code systems, profiles, and of answers to a form that comes along."""

from __future__ import annotations

from typing import Any

import pytest
from smallest_resources import completed

from fhir_service.validation.structure import is_valid
from fhir_service.workflows.check_conformance import all_issues, conformance

QUESTIONS = [
    {"linkId": "1", "type": "boolean", "required": True},
    {"linkId": "2", "type": "string", "enableWhen": [{"question": "1", "operator": "=", "answerBoolean": True}]},
]
YES, WORD = {"linkId": "1", "answer": [{"valueBoolean": True}]}, {"linkId": "2", "answer": [{"valueString": "a"}]}


def rules(resource: dict[str, Any]) -> list[str | None]:
    whole = completed(resource["resourceType"], resource)
    assert is_valid(whole)
    return [issue.rule for issue in all_issues(whole, conformance()) if issue.severity == "error"]


def constrained(expression: str) -> dict[str, Any]:
    return {"constraint": [{"key": "a-1", "severity": "error", "human": "a", "expression": expression}]}


def profile(path: str, base: str = "Patient", **element: Any) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{base}",
        "derivation": "constraint",
        "differential": {"element": [{"id": path, "path": path, **element}]},
    }


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        (
            {"resourceType": "Questionnaire", "item": QUESTIONS},
            {"resourceType": "Questionnaire", "item": QUESTIONS[1:]},
            "definition.enable-when",
        ),
        (
            {"resourceType": "CodeSystem", "content": "complete", "count": 2,
             "concept": [{"code": "a", "concept": [{"code": "b"}]}]},
            {"resourceType": "CodeSystem", "content": "complete", "count": 3, "concept": [{"code": "a"}]},
            "definition.count",
        ),
        (
            profile("Patient.name", **constrained("family.exists()")),
            profile("Patient.name", **constrained("family.(")),
            "definition.expression",
        ),
        (
            {"resourceType": "SearchParameter", "expression": "Patient.name"},
            {"resourceType": "SearchParameter", "expression": "Patient."},
            "definition.expression",
        ),
        (profile("Patient.name", min=1), profile("Patient.nme", min=1), "profile.broken"),
        (profile("Patient.name", "DomainResource"), profile("Patient.name", "Observation"), "profile.broken"),
    ],
)  # fmt: skip
def test_a_rule_of_definitions_is_kept_and_broken(good: dict[str, Any], bad: dict[str, Any], rule: str) -> None:
    assert rules(good) == []
    assert rules(bad) == [rule]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": completed("", bad)}]}
    if rule != "profile.broken":
        assert rules(bundle) == [rule]


@pytest.mark.parametrize(
    ("status", "items", "expected"),
    [
        ("completed", [YES, WORD], []),
        ("completed", [WORD], ["form.required", "form.off"]),
        ("in-progress", [], []),
        ("completed", [YES, {"linkId": "9"}], ["form.unknown"]),
        ("completed", [{"linkId": "1", "answer": [{"valueString": "yes"}]}], ["form.type"]),
    ],
)
def test_answers_are_held_against_a_form_that_is_contained(
    status: str, items: list[dict[str, Any]], expected: list[str]
) -> None:
    form = {"resourceType": "Questionnaire", "id": "q", "item": QUESTIONS}
    response = {"resourceType": "QuestionnaireResponse", "status": status, "questionnaire": "#q", "contained": [form]}
    assert sorted(map(str, rules(response | ({"item": items} if items else {})))) == sorted(expected)


def test_thousands_of_answers_to_thousands_of_questions_are_answered() -> None:
    asked = [{"linkId": str(number), "type": "boolean"} for number in range(5_000)]
    items = [{"linkId": str(number), "answer": [{"valueBoolean": True}]} for number in range(5_000)]
    form = {"resourceType": "Questionnaire", "id": "q", "item": asked}
    response = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "#q"}
    assert rules(response | {"contained": [form], "item": items}) == []
