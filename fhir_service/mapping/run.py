"""One run of a map: its limits, its trace, and what the compiled rules share while they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from fhir_service.fhir.fhirpath_budget import TooCostly
from fhir_service.fhir.nodes import ContentFault
from fhir_service.mapping.errors import Exhausted, MappingError, MappingLimit
from fhir_service.mapping.syntax import Position

_BETWEEN_LOOKS_AT_THE_CLOCK = 2000
_LONG = 10_000
_TEXT = 64
"""So many characters count as a value more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a map something is written."""

    map_url: str
    map_name: str
    group: str
    rule: str
    position: Position

    def error(self, problem: str, kind: type[MappingError] = MappingError) -> MappingError:
        """The problem, told with this place."""
        at = self.position
        return kind(
            problem,
            map_name=self.map_name,
            group=self.group,
            rule=self.rule,
            line=at.line,
            column=at.column,
            path=at.path,
        )

    def told(self, fault: ContentFault) -> MappingError:
        """A fault, told with this place."""
        return self.error(str(fault), MappingLimit if isinstance(fault, TooCostly) else MappingError)


class placed:  # noqa: N801  # reads as a statement: with placed(…)
    """Turns a Fault, or an error of FHIRPath, into a MappingError that tells the place."""

    __slots__ = (
        "_place",
        "deadline",
    )

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ContentFault):
            raise self._place.told(error) from error


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use: rules carried out, seconds, groups inside groups, values written.

    A text counts as one value and one more for every 64 characters, so that `values` bounds the size of the output.
    """

    steps: int = 2_000_000
    seconds: float = 20.0
    depth: int = 60
    values: int = 1_000_000


Origin = tuple[Place, Any, str | None, Any, Any]
"""A rule at work: its place, the source object it reads, the element, the item of it, the Origin it was called from.

A plain tuple, as is Written: thousands are made in a run.
"""
Written = tuple[Origin | None, Any, str, int | None, Any, bool]
"""One value put into the output: by whom, into which node, under which key, at which place in a list, the value as it
stands there, and whether it is a constant of the map."""


class Run:
    """State of one run. `trace` is None where nobody asked for one.

    `once`: another value for a single element that has one is an error; else it takes its place.
    """

    __slots__ = ("_steps", "at", "deadline", "depth", "left", "limits", "log", "once", "room", "trace", "uuid")

    def __init__(
        self, limits: Limits, *, traced: bool = False, once: bool = False, uuid: Callable[[], str] | None = None
    ) -> None:
        self.limits = limits
        self.depth = 0
        self.left = 0
        self.room = limits.values
        self.once = once
        self._steps = 0
        self.deadline = time.monotonic() + limits.seconds
        self.at: Origin | None = None
        self.trace: list[Written] | None = [] if traced else None
        self.log: list[str] = []
        self.uuid = uuid or (lambda: str(uuid4()))

    def look_at_limits(self, place: Place) -> None:
        """Called each time `left` is used up. Raises MappingLimit that names the rule at `place`."""
        if self._steps >= self.limits.steps:
            raise place.error(f"the run was cut after {self._steps} steps", MappingLimit)
        if time.monotonic() > self.deadline:
            raise place.error(f"the run was cut after {self.limits.seconds:g} seconds", MappingLimit)
        self.left = min(_BETWEEN_LOOKS_AT_THE_CLOCK, self.limits.steps - self._steps)
        self._steps += self.left

    def too_deep(self, place: Place) -> MappingError:
        """For groups that call one another without end."""
        return place.error(f"groups call one another more than {self.limits.depth} deep", MappingLimit)

    def hold(self, value: Any) -> Any:
        """A value that a variable or a parameter holds: a long text counts as one that is written. Raises Exhausted."""
        if type(value) is str and len(value) > _LONG:
            self.make_room(value)
        return value

    def make_room(self, value: Any) -> None:
        """A value is written. Raises Exhausted where the output grows too large."""
        if type(value) is str:
            self.room -= 1 + len(value) // _TEXT
        else:
            self.room -= 1 if not value or value is True else _size(value, self.room)
        if self.room < 0:
            raise Exhausted(f"the run was cut after {self.limits.values} values")


def _size(value: Any, most: int) -> int:
    """How much a value counts; not much more than `most` is counted."""
    if isinstance(value, str):
        return 1 + len(value) // _TEXT
    found = 1
    if isinstance(value, dict):
        for child in value.values():
            for item in child if isinstance(child, list) else (child,):
                found += _size(item, most - found)
                if found > most:
                    return found
    return found
