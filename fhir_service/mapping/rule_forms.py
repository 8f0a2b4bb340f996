"""What a rule is, however it was written: its name where it has none, and when it is the shorthand `a.x -> b.y`.

As a resource the shorthand has no sign of its own. The HL7 reference engine writes it with the variable `vvv` on both
sides and a `create` without a type; who writes that means the shorthand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_service.mapping.syntax import Dependent, Position, Rule, Source, Target

AUTOMATIC_VARIABLE = "vvv"


def build_rule(
    number: int,
    name: str | None,
    source: Sequence[Source],
    target: Sequence[Target] = (),
    *,
    dependent: Sequence[Dependent] = (),
    rule: Sequence[Rule] = (),
    position: Position,
    documentation: str | None = None,
) -> Rule:
    """The rule that is the `number`th of those beside it, from 1. There is at least one source."""
    if len(source) == len(target) == 1 and not dependent and not rule and _is_automatic(source[0], target[0]):
        source = [replace(source[0], variable=None)]
        target = [replace(target[0], variable=None, transform=None)]
    made_up = made_up_name(source[0], number)
    return Rule(
        name or made_up,
        name is not None and name != made_up,
        tuple(source),
        tuple(target),
        tuple(dependent),
        tuple(rule),
        position,
        shorthand=is_shorthand(source, target, bool(dependent or rule)),
        documentation=documentation,
    )


def made_up_name(source: Source, number: int) -> str:
    """The name of a rule that has none."""
    return f"{source.element or source.context}-{number}"


def is_shorthand(source: Sequence[Source], target: Sequence[Target], goes_on: bool) -> bool:
    """Whether what lies between the two elements is left to the types."""
    if goes_on or len(source) != 1 or len(target) != 1:
        return False
    return (
        None not in (source[0].element, target[0].element)
        and source[0].variable is None
        and target[0].variable is None
        and target[0].transform is None
        and not target[0].list_mode
    )


def _is_automatic(source: Source, target: Target) -> bool:
    return (
        source.variable == target.variable == AUTOMATIC_VARIABLE
        and (target.transform, target.parameter, target.list_mode) == ("create", (), ())
        and None not in (source.element, target.context, target.element)
    )
