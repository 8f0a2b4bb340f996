"""Checks of one value by itself: fixed and pattern, limits, length, type."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.bindings import binding_check
from fhir_service.validation.profiles.element_rules import TypedValue
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.matching import has_pattern, is_fixed
from fhir_service.validation.profiles.ranges import keeps
from fhir_service.validation.profiles.runs import Run
from fhir_service.validation.profiles.trees import Node

Check = Callable[[Item, str, Run], None]
"""Item, its expression, the validation at work."""


def value_checks(node: Node, profile: str) -> Iterator[Check]:
    """All that the element says about its value alone."""
    if node.fixed is not None:
        yield _fixed(node.fixed, profile)
    if node.pattern is not None:
        yield _pattern(node.pattern, profile)
    if node.least is not None:
        yield _limit(node.least, profile, least=True)
    if node.most is not None:
        yield _limit(node.most, profile, least=False)
    if node.max_length is not None:
        yield _length(node.max_length, profile)
    for binding in node.bindings:
        if check := binding_check(binding, profile, of_choice=node.name.endswith("[x]") and not node.holder):
            yield check


def _fixed(wanted: TypedValue, profile: str) -> Check:
    value = wanted.value
    plain = isinstance(value, str)

    def check(item: Item, where: str, run: Run) -> None:
        if item.value != value if plain else not is_fixed(item.value, value):
            run.found("error", "value", wording.not_fixed(item.value, wanted, profile), where, "profile.fixed")

    return check


def _pattern(wanted: TypedValue, profile: str) -> Check:
    def check(item: Item, where: str, run: Run) -> None:
        if not has_pattern(item.value, wanted.value):
            run.found("error", "value", wording.no_pattern(item.value, wanted, profile), where, "profile.pattern")

    return check


def _limit(bound: TypedValue, profile: str, *, least: bool) -> Check:
    rule = "profile.min-value" if least else "profile.max-value"

    def check(item: Item, where: str, run: Run) -> None:
        if item.value is None:
            return
        kept = keeps(item.value, item.type, bound, run.now, least=least)
        if kept is None:
            text = wording.range_not_checked(item.value, bound.value, profile)
            run.found("information", "incomplete", text, where, f"{rule}-not-checked")
        elif not kept:
            text = wording.out_of_range(item.value, bound.value, profile, least=least)
            run.found("error", "value", text, where, rule)

    return check


def _length(most: int, profile: str) -> Check:
    def check(item: Item, where: str, run: Run) -> None:
        if isinstance(item.value, str) and len(item.value) > most:
            text = wording.too_long(len(item.value), most, profile)
            run.found("error", "too-long", text, where, "profile.max-length")

    return check
