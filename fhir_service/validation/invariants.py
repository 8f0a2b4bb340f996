"""The second layer: do the invariants of FHIR R4 hold in a resource whose structure is right?

All of them, at every depth, through contained resources, Bundle entries and Parameters. A first pass asks each
invariant that can break at all; only what is broken is then looked up in the resource, to say where.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.validation.invariant_checks import Scope
from fhir_service.validation.invariant_issues import Broken, issues_of
from fhir_service.validation.invariant_programs import Look, Program, Step, program

MOST_FINDINGS = 1000
MOST_OBJECTS = 1_000_000
EVERYTHING = Look()


def invariant_findings(resource: dict[str, Any], look: Look = EVERYTHING) -> list[Issue]:
    """Every invariant that a resource breaks, its structure being right: errors and, if wanted, warnings.

    The rule of an issue is HL7's key (`dom-3`). At most MOST_FINDINGS are listed; what is beyond MOST_OBJECTS is not
    looked at, and an information says so.
    """
    looked = _Pass(resource, look)
    broken, complete = looked.broken, not looked.waiting
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


class _Pass:
    """One look at everything that can break; what is still to be looked at is in a list, not on Python's stack."""

    def __init__(self, resource: dict[str, Any], look: Look) -> None:
        self.broken: list[Broken] = []
        self.waiting: list[tuple[Program, Any, Scope]] = []
        self._seen = 0
        self._look = look
        self._resource(resource, None)
        while self.waiting and self._seen < MOST_OBJECTS:
            self._go_down(*self.waiting.pop())

    def _resource(self, resource: dict[str, Any], around: Scope | None) -> None:
        current, scope = program(resource["resourceType"], (), self._look), Scope(resource, around)
        if current.has_rules:
            self._ask(current, resource, scope)
        if not current.keys.isdisjoint(resource):
            self.waiting.append((current, resource, scope))

    def _ask(self, current: Program, element: dict[str, Any], scope: Scope) -> None:
        for triggers, rules in current.guarded:
            if triggers.isdisjoint(element):
                continue
            for rule in rules:
                if rule.check(element, scope) is False:
                    self.broken.append((rule, element, ""))
        for rule in current.always:
            if rule.check(element, scope) is False and (rule.in_contained or scope.root is scope):
                self.broken.append((rule, element, ""))

    def _go_down(self, current: Program, element: dict[str, Any], scope: Scope) -> None:
        """Look at what is right below an object; what has more below it waits."""
        steps = current.steps
        self._seen += 1
        for key, value in element.items():
            step = steps.get(key)
            if step is None:
                continue
            items: Sequence[Any] = value if type(value) is list else (value,)
            self._seen += len(items)
            if (inner := step.program) is not None:
                for item in items:
                    if item is None:
                        continue
                    if inner.has_rules:
                        self._ask(inner, item, scope)
                    if not inner.keys.isdisjoint(item):
                        self.waiting.append((inner, item, scope))
            else:
                self._rarely(step, key, items, element, scope)

    def _rarely(self, step: Step, key: str, items: Sequence[Any], element: dict[str, Any], scope: Scope) -> None:
        """Nested resources, of which only contained ones belong to the one around them; and primitives with rules."""
        if step.is_resource:
            for item in items:
                self._resource(item, scope if key == "contained" else None)
            return
        for rule in step.rules:
            if any(rule.check(item, scope) is False for item in items if item is not None):
                self.broken.append((rule, element, key))
