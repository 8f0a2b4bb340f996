"""What to look at in an object of each kind: its invariants, and the properties below which there are some.

Made of the element catalogue when a kind is first met, so that checking reads tables and no definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, NamedTuple

from fhir_service.definitions.elements import (
    Property,
    definition,
    is_primitive,
    properties,
    types,
)
from fhir_service.validation.invariant_checks import Scope
from fhir_service.validation.invariant_rules import Rule, rules_at

RESOURCE = "Resource"
MOST_SHAPES = 256
MOST_KEYS = 60
"""Of the shapes that are kept; others are planned each time, so that nobody fills the memory."""
_ANCHORS = frozenset({"ref-1"})


class Step:
    """What a property leads to: the program of the objects under it, None for primitives and nested resources; and the
    invariants of a primitive."""

    __slots__ = ("is_resource", "program", "rules")

    def __init__(self, program: Program | None, rules: tuple[Rule, ...] = (), *, is_resource: bool = False) -> None:
        self.program = program
        self.rules = rules
        self.is_resource = is_resource


class Look(NamedTuple):
    """What is looked at: warnings or errors only; `extensions` and `anchors` (references that begin with `#`) are false
    where it is known that there are none."""

    warnings: bool = True
    extensions: bool = True
    anchors: bool = True


class _Everything:
    """Of what no object is free."""

    def isdisjoint(self, _: object) -> bool:
        return False


Heeded = frozenset[str] | _Everything


class Plan(NamedTuple):
    """What to do with an object that has certain keys: the rules that can break, the objects below, and whatever else
    is below (nested resources, primitives with rules)."""

    rules: tuple[Rule, ...]
    below: tuple[tuple[str, Heeded, Program], ...]
    rarely: tuple[tuple[str, Step], ...]


class Program:
    """The plans of the objects of one kind, by their keys: resources of one source have few shapes."""

    def __init__(self, holder: str, places: tuple[str, ...], look: Look) -> None:
        self.holder = holder
        self._look = look
        rules = [rule for place in (*_stated(holder), *places) for rule in rules_at(place, holder)]
        self.rules = tuple(rule for rule in rules if _is_asked(rule, look))
        self._plans: dict[tuple[str, ...], Plan] = {}

    def plan(self, element: Mapping[str, Any]) -> Plan:
        shape = tuple(element)
        found = self._plans.get(shape)
        if found is None:
            found = self._made(element)
            if len(self._plans) < MOST_SHAPES and len(shape) <= MOST_KEYS:
                self._plans[shape] = found
        return found

    def _made(self, element: Mapping[str, Any]) -> Plan:
        steps = [(key, self.steps[key]) for key in element if key in self.steps]
        return Plan(
            tuple(rule for rule in self.rules if _can_break(rule, element)),
            tuple((key, step.program.heeds, step.program) for key, step in steps if step.program is not None),
            tuple((key, step) for key, step in steps if step.program is None),
        )

    @cached_property
    def heeds(self) -> Heeded:
        """The keys without any of which there is nothing to do."""
        found = set(self.steps)
        for rule in self.rules:
            if rule.triggers is None:
                return _Everything()
            found |= rule.triggers
        return frozenset(found)

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        """By JSON property, `_` siblings included: those below which something can break."""
        return {key: step for key, step in self._all_steps.items() if step.program is None or step.program.matters}

    @cached_property
    def matters(self) -> bool:
        """Whether there is an invariant here or below."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            current = waiting.pop()
            if current.rules or any(step.program is None for step in current._all_steps.values()):
                return True
            if id(current) not in seen:
                seen.add(id(current))
                waiting += [step.program for step in current._all_steps.values() if step.program is not None]
        return False

    @cached_property
    def _all_steps(self) -> Mapping[str, Step]:
        found = {}
        for key, entry in properties(self.holder).items():
            if entry.type == "Extension" and not self._look.extensions:
                continue
            if step := self._step(entry):
                found[key] = step
            if self._look.extensions and is_primitive(entry.type) and _has_sibling(entry):
                found[f"_{key}"] = Step(program("Element", (), self._look))
        return found

    def _step(self, entry: Property) -> Step | None:
        if entry.type == RESOURCE:
            return Step(None, is_resource=True)
        place = f"{self.holder}.{entry.name}"
        if is_primitive(entry.type):
            rules = tuple(rule for rule in rules_at(place, "") if _is_asked(rule, self._look))
            return Step(None, rules) if rules else None
        places = (place, *entry.element.profiles.get(entry.type, ()))
        own = tuple(other for other in places if other != entry.holder and rules_at(other, entry.holder))
        return Step(program(entry.holder, own, self._look))


@cache
def program(holder: str, places: tuple[str, ...], look: Look) -> Program:
    """The program of a holder, which has the invariants of these places as well."""
    return Program(holder, places, look)


def _stated(holder: str) -> tuple[str, ...]:
    """Where the invariants of a holder are stated: its bases, and itself."""
    if holder not in types():
        return (holder,)
    base = definition(holder).base
    return (*(_stated(base) if base else ()), holder)


def _can_break(rule: Rule, element: Mapping[str, Any]) -> bool:
    """Whether a rule can be broken by an object with these keys."""
    if rule.triggers is not None and rule.triggers.isdisjoint(element):
        return False
    return not rule.keys_alone or rule.check(dict(element), Scope({})) is False


def _is_asked(rule: Rule, look: Look) -> bool:
    return (look.warnings or rule.severity == "error") and (look.anchors or rule.key not in _ANCHORS)


def _has_sibling(entry: Property) -> bool:
    return entry.type != "xhtml" and not entry.element.attribute
