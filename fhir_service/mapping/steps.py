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
        run.enter(caller or self.place)
        frame = self.initial[:]
        frame[: len(arguments)] = arguments
        for rule in self.rules:
            rule(run, frame)
        run.depth -= 1


def slot_value(slot: int) -> Value:
    return lambda _run, frame: frame[slot]


def call_group(code: GroupCode, values: list[Value], caller: Place) -> Code:
    def call(run: Run, frame: Frame) -> None:
        code(run, [run.hold(value(run, frame)) for value in values], caller)

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
