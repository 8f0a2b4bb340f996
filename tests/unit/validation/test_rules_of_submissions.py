"""Rules whose keys are made of a name: of forms, of the shape of case reports, of definitions, of submissions. Each has
what keeps it and what breaks it; one that comes without a case fails here."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from case_report_cases import report
from filled_forms import answer, filled
from golden_cases import CASES
from submission_bundles import submission

import fhir_service
from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.json_text import encode, parse
from fhir_service.fhir.submission_outcomes import submission_outcome
from fhir_service.reports.case_report import to_json
from fhir_service.validation.answers import answer_issues
from fhir_service.validation.case_report_structure import _ISSUE_CODES as SHAPES
from fhir_service.validation.case_reports import case_report_findings
from fhir_service.workflows.check_conformance import conformance
from fhir_service.workflows.check_submission import check_case_report, check_form, check_text
from fhir_service.workflows.submission_bundle import check_bundle

SOURCE = Path(fhir_service.__file__).parent
WHEN = "2026-01-01T00:00:00Z"
CASE = CASES["every-kind-of-fact"]
Found = list[Issue] | tuple[Issue, ...]
QUESTIONS: dict[str, Any] = {
    "item": [
        {"linkId": "a", "type": "boolean", "required": True},
        {
            "linkId": "b",
            "type": "integer",
            "enableWhen": [{"question": "a", "operator": "=", "answerBoolean": True}],
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 1}],
        },
        {"linkId": "c", "type": "choice", "answerOption": [{"valueCoding": {"system": "u", "code": "x"}}]},
    ]
}
A: dict[str, Any] = {"linkId": "a", "answer": [{"valueBoolean": True}]}
NO: dict[str, Any] = {"linkId": "a", "answer": [{"valueBoolean": False}]}


def answered(*items: dict[str, Any]) -> Found:
    return answer_issues({"resourceType": "QuestionnaireResponse", "item": list(items)}, QUESTIONS, lambda _: None)


def b(value: int) -> dict[str, Any]:
    return {"linkId": "b", "answer": [{"valueInteger": value}]}


def c(code: str) -> dict[str, Any]:
    return {"linkId": "c", "answer": [{"valueCoding": {"system": "u", "code": code}}]}


def form(change: Callable[[dict[str, Any]], object] = lambda _: None) -> Found:
    response = filled(CASE.facts, CASE.report.source)
    change(response)
    return check_form(encode(response), recorded=WHEN, base=DEFAULT_BASE).issues


def shaped(**changes: Any) -> Found:
    fact = {
        "id": "1/complication-1",
        "kind": {"code": "infection"},
        "level": [{"code": "L1"}],
        "suspect": ["1/index-1"],
    }
    changed = {name: value for name, value in (fact | changes).items() if value is not ...}
    return case_report_findings(report({"case": {"complication": [changed]}}))


def facts(text: bytes | None = None, **source: Any) -> Found:
    content = parse(to_json(CASE.facts))
    if text is None:
        text = CASE.report.text.encode()
    if text:
        source |= {"data": base64.b64encode(text).decode()}
    sent = {"source": {"doi": CASE.report.source.doi, **source}, **content}
    return check_case_report(encode(sent), recorded=WHEN, base=DEFAULT_BASE).issues


def text(words: str, name: str = "doi:10.1000/1") -> Found:
    return check_text(words.encode(), name, recorded=WHEN, base=DEFAULT_BASE).issues


def told(issue: Issue) -> Found:
    """As its submitter reads it."""
    (_, shown) = submission_outcome("a", [issue], base=DEFAULT_BASE, root="Bundle")["issue"]
    return [replace(issue, rule=shown["details"]["coding"][0]["code"])]


def bundle(change: Callable[[dict[str, Any]], object] = lambda _: None) -> Found:
    sent_bundle = submission()
    change(sent_bundle)
    return check_bundle(sent_bundle, conformance()).issues


def tagged(code: str | None) -> Callable[[dict[str, Any]], object]:
    def change(sent_bundle: dict[str, Any]) -> None:
        resource = sent_bundle["entry"][2]["resource"]
        if code is None:
            del resource["meta"]
        else:
            resource["meta"]["tag"][0]["code"] = code

    return change


KEPT_AND_BROKEN: dict[str, tuple[Callable[[], Found], Callable[[], Found]]] = {
    "form.unknown": (lambda: answered(A), lambda: answered(A, {"linkId": "z"})),
    "form.required": (lambda: answered(A), answered),
    "form.repeats": (lambda: answered(A), lambda: answered(A, A)),
    "form.type": (lambda: answered(A), lambda: answered({"linkId": "a", "answer": [{"valueString": "yes"}]})),
    "form.off": (lambda: answered(A, b(1)), lambda: answered(NO, b(1))),
    "form.least": (lambda: answered(A, b(1)), lambda: answered(A, b(0))),
    "form.code": (lambda: answered(A, c("x")), lambda: answered(A, c("y"))),
    "form.questionnaire": (form, lambda: form(lambda one: one.update(questionnaire="http://a.example.net/q"))),
    "form.status": (form, lambda: form(lambda one: one.update(status="in-progress"))),
    "form.source": (form, lambda: form(lambda one: _put(one, "10/x", "source", "source.doi"))),
    "form.reference": (
        form,
        lambda: form(lambda one: _put(one, "x", "case", "case.complication", "case.complication.suspect")),
    ),
    "form.unit": (
        form,
        lambda: form(lambda one: _put(one, "cc", "case", "case.observation", "case.observation.unit")),
    ),
    "case-report.unknown-element": (shaped, lambda: shaped(onst={})),
    "case-report.type": (shaped, lambda: shaped(kind="infection")),
    "case-report.cardinality": (shaped, lambda: shaped(level={"code": "L1"})),
    "case-report.empty": (shaped, lambda: shaped(level=[])),
    "case-report.required": (shaped, lambda: shaped(kind=...)),
    "case-report.primitive": (shaped, lambda: shaped(confidence=True)),
    "case-report.code": (shaped, lambda: shaped(level=[{"code": "L9"}])),
    "case-report.reference": (shaped, lambda: shaped(suspect=["1/index-2"])),
    "case-report.duplicate-id": (shaped, lambda: shaped(id="1/index-1")),
    "submission.header": (bundle, lambda: bundle(lambda one: one["entry"].pop(0))),
    "submission.patient": (bundle, lambda: bundle(lambda one: one["entry"].pop(1))),
    "submission.type": (bundle, lambda: bundle(lambda one: one.update(type="document"))),
    "submission.no-identifier": (bundle, lambda: bundle(lambda one: one.pop("id"))),
    "submission.other-patient": (
        bundle,
        lambda: bundle(lambda one: one["entry"][2]["resource"].update(subject={"reference": "Patient/x"})),
    ),
    "submission.tag": (bundle, lambda: bundle(tagged("procedure.kindd"))),
    "submission.untagged": (bundle, lambda: bundle(tagged(None))),
    "submission.missing": (lambda: bundle(tagged(None)), bundle),
    "submission.unreadable": (lambda: text("A report."), lambda: text("a\0\0\0", "x" * 3000)),
    "submission.source": (facts, lambda: facts(doi="10/x")),
    "submission.span-without-text": (facts, lambda: facts(b"")),
    "submission.span-outside-text": (facts, lambda: facts(b"short")),
    "submission.nothing-stated": (facts, lambda: text("The weather was fine.")),
    "submission.invalid": (
        lambda: told(Issue("error", "value", "a", (), "form.type")),
        lambda: told(Issue("error", "value", "a")),
    ),
}
ELSEWHERE = {
    "submission.accepted": "api/test_submit_report.py",
    "submission.declared-unknown": "api/test_submission_bundles.py",
    "submission.same-patient": "api/test_submission_bundles.py",
    "submission.same-text": "api/test_submit_report.py",
    "definition.enable-when": "unit/validation/test_definition_rules.py",
    "definition.count": "unit/validation/test_definition_rules.py",
    "definition.expression": "unit/validation/test_definition_rules.py",
    "definition.of-the-service": "api/test_definitions.py",
    "case-report.more": "unit/validation/test_case_reports.py",
    "submission.structure": "api/test_registry_upload.py",
}
"""Those that a store or a whole definition belongs to; that file names them."""
LIMITS = {"case-report.rules-not-checked", "submission.refused", "submission.for-review"}
"""Not of what is sent: a rule that took too long, what the store alone does not take, and what a reader is not sure of
(its note is held by unit/workflows/test_review.py)."""


def _put(response: dict[str, Any], value: str, *path: str) -> None:
    answer(response, *path)["answer"] = [{"valueString": value}]


def stated() -> set[str]:
    """Every such rule that the source names, the clinical ones aside (`test_case_report_rules`)."""
    key = re.compile(r'"((?:form|case-report|definition|submission)\.[a-z][a-z-]+)"')
    files = [
        file for folder in ("validation", "workflows", "storage", "fhir") for file in (SOURCE / folder).rglob("*.py")
    ]
    found = {name for file in files for name in key.findall(file.read_text("utf-8"))}
    answers = ast.parse((SOURCE / "validation" / "answers.py").read_text("utf-8"))
    for node in ast.walk(answers):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_issue":
            found.add(f"form.{ast.literal_eval(node.args[-1])}")
    rules = catalogue().artifact(Kind.CODE_SYSTEM, f"{DEFAULT_BASE}/CodeSystem/submission-rule")
    return found | {f"case-report.{name}" for name in SHAPES} | {entry["code"] for entry in rules["concept"]}


def test_every_rule_that_the_source_names_has_a_case() -> None:
    rules = stated()
    assert len(rules) > 45
    assert rules - LIMITS - KEPT_AND_BROKEN.keys() - ELSEWHERE.keys() == set()
    assert (KEPT_AND_BROKEN.keys() | LIMITS | ELSEWHERE.keys()) - rules == set()
    tests = Path(__file__).parents[2]
    assert [rule for rule, file in ELSEWHERE.items() if f'"{rule}"' not in (tests / file).read_text("utf-8")] == []


@pytest.mark.parametrize("rule", KEPT_AND_BROKEN)
def test_a_rule_is_kept_and_broken(rule: str) -> None:
    kept, broken = KEPT_AND_BROKEN[rule]
    assert rule not in [issue.rule for issue in kept()]
    assert rule in [issue.rule for issue in broken()]
