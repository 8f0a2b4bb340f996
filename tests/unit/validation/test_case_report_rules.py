"""The clinical rules of the logical model: each has a report that keeps it and one that breaks it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from case_report_cases import RuleCase, rule_cases

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.validation.case_report_model import ModelElement, Rule, case_report_model
from fhir_service.validation.case_report_rules import program
from fhir_service.validation.case_reports import case_report_findings

CASES = rule_cases()
BY_RULE = {case.rule: case for case in CASES}


def rules(element: ModelElement) -> Iterator[Rule]:
    yield from element.rules
    for child in element.children.values():
        yield from rules(child)


RULES = {rule.key: rule for rule in rules(case_report_model())}


def test_every_rule_has_a_case_and_every_case_a_rule() -> None:
    assert BY_RULE.keys() == RULES.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_report_that_keeps_the_rule_breaks_none_and_one_that_breaks_it_is_told(case: RuleCase) -> None:
    assert case_report_findings(case.keeps) == []
    found = case_report_findings(case.breaks)
    told = [issue for issue in found if issue.rule == case.rule]
    assert told, [issue.rule for issue in found]
    rule = RULES[case.rule]
    for issue in told:
        assert issue.severity == rule.severity
        assert issue.text.startswith(rule.human.removesuffix("."))
        assert issue.text.endswith(rule.fix)
        assert issue.expression[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_finding_points_at_something_that_is_there_or_at_what_is_missing_right_below(case: RuleCase) -> None:
    for issue in case_report_findings(case.breaks):
        steps = re.findall(r"(\w+)(?:\[(\d+)\])?", issue.expression[0])
        value = case.breaks
        for name, index in steps[:-1]:
            value = value[name][int(index)] if index else value[name]
        assert isinstance(value, dict)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.key)
def test_a_rule_gives_yes_or_no_also_where_nothing_is_known(rule: Rule) -> None:
    """What is not known breaks no rule, here and in engines that take an empty result for a broken constraint."""

    def decides(node: tree.Node | None) -> bool:
        if isinstance(node, tree.Binary) and node.operator == "or":
            return decides(node.left) and decides(node.right)
        if isinstance(node, tree.Call) and node.name == "not":
            return decides(node.of)
        return isinstance(node, tree.Call) and node.name in ("empty", "exists")

    assert decides(tree.parse_fhirpath(rule.expression))


def test_a_denied_a_possible_and_an_unknown_fact_break_no_rule() -> None:
    broken = BY_RULE["case-report.crp-range"].breaks
    for polarity in ("negated", "hypothetical", "unknown"):
        (observation,) = broken["case"][0]["observation"]
        report = {"case": [{**broken["case"][0], "observation": [{**observation, "polarity": polarity}]}]}
        assert case_report_findings(report) == []


def test_a_denied_part_of_a_fact_is_not_looked_at() -> None:
    broken = BY_RULE["case-report.complication-level"].breaks
    (complication,) = broken["case"][0]["complication"]
    denied = {**complication, "level": [{"code": "T8", "polarity": "negated"}]}
    assert case_report_findings({"case": [{**broken["case"][0], "complication": [denied]}]}) == []


def test_a_rule_about_one_patient_does_not_see_another() -> None:
    first = BY_RULE["case-report.complication-level"].keeps["case"][0]
    second = {
        "number": 2,
        "id": "2/patient",
        "procedure": [{"id": "2/i", "role": "index", "kind": {"code": "kyphoplasty"}, "level": [{"code": "T5"}]}],
        "complication": [{"id": "2/c", "kind": {"code": "infection"}, "level": [{"code": "L1"}]}],
    }
    (issue,) = case_report_findings({"case": [first, second]})
    assert (issue.rule, issue.expression) == ("case-report.complication-level", ("case[1].complication[0].level",))


def test_what_is_of_the_wrong_type_is_told_once_and_breaks_no_rule() -> None:
    observation = {"id": "1/o", "kind": {"code": "crp"}, "value": "high", "low": True, "unit": "mg/L"}
    found = case_report_findings({"case": [{"number": 1, "id": "1/patient", "observation": [observation]}]})
    assert [(issue.rule, issue.expression) for issue in found] == [
        ("case-report.primitive", ("case[0].observation[0].value",)),
        ("case-report.primitive", ("case[0].observation[0].low",)),
    ]


def test_the_text_tells_the_values_that_were_found() -> None:
    (issue,) = case_report_findings(BY_RULE["case-report.crp-usual"].breaks)
    assert "value is 86; unit is mg/dL" in issue.text


def test_the_rules_are_compiled_once() -> None:
    assert program() is program()
