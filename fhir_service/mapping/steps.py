"""Compiled groups, and small pieces of compiled rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_service.mapping.made import Value
from fhir_service.mapping.run import Place, Run
from fhir_service.mapping.scope import Code, Frame
from fhir_service.mapping.shapes import Shape

Argument = tuple[Shape | None, bool]
"""The shape of what a group is called with, and whether content decided it."""


@dataclass(slots=True)
class GroupCode:
    """A compiled group. `initial` is its empty frame: parameters first."""

    place: Place
    initial: Frame = field(default_factory=list)
    rules: list[Code] = field(default_factory=list)

    def __call__(self, run: Run, arguments: list[Any], caller: Place | None = None) -> None:
        run.depth += 1
        if run.depth > run.limits.depth:
            raise run.too_deep(caller or self.place)
        frame = self.initial[:]
        frame[: len(arguments)] = arguments
        for rule in self.rules:
            rule(run, frame)
        run.depth -= 1


def slot_value(slot: int) -> Value:
    return lambda _run, frame: frame[slot]


def call_group(code: GroupCode, values: list[Value | int], caller: Place) -> Code:
    """`values`: how a parameter is made, or the place of the variable that is handed on."""
    slots = [value for value in values if isinstance(value, int)]
    if len(slots) == len(values):
        return lambda run, frame: code(run, [frame[slot] for slot in slots], caller)

    def call(run: Run, frame: Frame) -> None:
        given = [frame[value] if isinstance(value, int) else run.hold(value(run, frame)) for value in values]
        code(run, given, caller)

    return call


def forget(shares: Mapping[str, int]) -> Code:
    """Shared targets of nested rules last for one item of the rule around them."""

    def forget(_run: Run, frame: Frame) -> None:
        for slot in shares.values():
            frame[slot] = None

    return forget


def in_sequence(codes: list[Code]) -> Code:
    if len(codes) == 1:
        return codes[0]
    if len(codes) == 2:
        first, second = codes

        def both(run: Run, frame: Frame) -> None:
            first(run, frame)
            second(run, frame)

        return both

    def all_of_them(run: Run, frame: Frame) -> None:
        for code in codes:
            code(run, frame)

    return all_of_them
