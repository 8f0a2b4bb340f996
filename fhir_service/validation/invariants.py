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
from fhir_service.validation.invariant_programs import Look, Plan, Program, Step, program

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

    __slots__ = ("_look", "_seen", "broken", "waiting")

    def __init__(self, resource: dict[str, Any], look: Look) -> None:
        self.broken: list[Broken] = []
        self.waiting: list[tuple[Plan, Any, Scope]] = []
        self._seen = 0
        self._look = look
        self._resource(resource, None)
        while self.waiting and self._seen < MOST_OBJECTS:
            self._go_down(*self.waiting.pop())

    def _resource(self, resource: dict[str, Any], around: Scope | None) -> None:
        scope = Scope(resource, around)
        plan = program(resource["resourceType"], (), self._look).plan(resource)
        for rule in plan.rules:
            if rule.check(resource, scope) is False and (rule.in_contained or around is None):
                self.broken.append((rule, resource, ""))
        if plan.below or plan.rarely:
            self.waiting.append((plan, resource, scope))

    def _go_down(self, plan: Plan, element: dict[str, Any], scope: Scope) -> None:
        """Look at what is right below an object; what has more below it waits."""
        self._seen += 1
        for key, heeds, inner in plan.below:
            value = element[key]
            if type(value) is list:
                self._seen += len(value)
                for item in value:
                    if item is not None and not heeds.isdisjoint(item):
                        self._look_at(inner, item, scope)
            elif not heeds.isdisjoint(value):
                self._look_at(inner, value, scope)
        for key, step in plan.rarely:
            self._rarely(step, key, element, scope)

    def _look_at(self, kind: Program, element: dict[str, Any], scope: Scope) -> None:
        plan = kind.plan(element)
        for rule in plan.rules:
            if rule.check(element, scope) is False:
                self.broken.append((rule, element, ""))
        if plan.below or plan.rarely:
            self.waiting.append((plan, element, scope))

    def _rarely(self, step: Step, key: str, element: dict[str, Any], scope: Scope) -> None:
        """Nested resources, of which only contained ones belong to the one around them; and primitives with rules."""
        value = element[key]
        items: Sequence[Any] = value if type(value) is list else (value,)
        self._seen += len(items)
        if step.is_resource:
            for item in items:
                self._resource(item, scope if key == "contained" else None)
            return
        for rule in step.rules:
            if any(rule.check(item, scope) is False for item in items if item is not None):
                self.broken.append((rule, element, key))
