"""The second layer: do the invariants of FHIR R4 hold in a resource whose structure is right?

All of them, at every depth, through contained resources, Bundle entries and Parameters. A first pass asks each
invariant that can break at all; only what is broken is then looked up in the resource, to say where.
"""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.validation.invariant_checks import Scope
from fhir_service.validation.invariant_issues import Broken, issues_of
from fhir_service.validation.invariant_programs import Program, program

MOST_FINDINGS = 1000
MOST_OBJECTS = 1_000_000

_Waiting = tuple[Program, Any, Scope]


def invariant_findings(resource: dict[str, Any], *, warnings: bool = True) -> list[Issue]:
    """Every invariant that a resource breaks, its structure being right: errors and, if wanted, warnings.

    The rule of an issue is HL7's key (`dom-3`). At most MOST_FINDINGS are listed; what is beyond MOST_OBJECTS is not
    looked at, and an information says so.
    """
    broken, complete = _broken(resource, warnings=warnings)
    if not broken and complete:
        return []
    issues = issues_of(resource, broken[:MOST_FINDINGS])
    if len(broken) > MOST_FINDINGS:
        text = f"only the first {MOST_FINDINGS:,} findings are listed; mend these and send it again"
        issues.append(Issue("information", "incomplete", text, rule="invariant.more"))
    if not complete:
        text = f"only the first {MOST_OBJECTS:,} objects were looked at; invariants of the rest were not checked"
        issues.append(Issue("information", "too-costly", text, rule="invariant.too-costly"))
    return issues


def _broken(resource: dict[str, Any], *, warnings: bool) -> tuple[list[Broken], bool]:
    """What is broken, and whether everything was looked at."""
    broken: list[Broken] = []
    waiting: list[_Waiting] = [(_program(resource, warnings=warnings), resource, Scope(resource))]
    seen = 0
    while waiting and seen < MOST_OBJECTS:
        seen += 1
        current, element, scope = waiting.pop()
        if current.has_rules:
            _ask(current, element, scope, broken)
        if not current.keys.isdisjoint(element):
            _go_down(current, element, scope, waiting, broken)
    return broken, not waiting


def _ask(current: Program, element: dict[str, Any], scope: Scope, broken: list[Broken]) -> None:
    for triggers, rules in current.guarded:
        if triggers.isdisjoint(element):
            continue
        for rule in rules:
            if rule.check(element, scope) is False:
                broken.append((rule, element, ""))
    for rule in current.always:
        if rule.check(element, scope) is False and (rule.in_contained or scope.root is scope):
            broken.append((rule, element, ""))


def _go_down(
    current: Program, element: dict[str, Any], scope: Scope, waiting: list[_Waiting], broken: list[Broken]
) -> None:
    """Have everything looked at that may matter and is right below an object."""
    steps = current.steps
    for key, value in element.items():
        step = steps.get(key)
        if step is None:
            continue
        items = value if type(value) is list else (value,)
        if (inner := step.program) is not None:
            for item in items:
                if item is not None and (inner.has_rules or not inner.keys.isdisjoint(item)):
                    waiting.append((inner, item, scope))
        elif step.is_resource:
            around = scope if key == "contained" else None
            for item in items:
                waiting.append((program(item["resourceType"], (), current.warnings), item, Scope(item, around)))
        else:
            broken.extend(
                (rule, element, key)
                for rule in step.rules
                if any(rule.check(item, scope) is False for item in items if item is not None)
            )


def _program(resource: dict[str, Any], *, warnings: bool) -> Program:
    return program(resource["resourceType"], (), warnings)
