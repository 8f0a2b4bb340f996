"""One validation at work: what it found, what it may still cost, where references lead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from fhir_service.fhir.errors import Issue

if TYPE_CHECKING:
    from fhir_service.validation.profiles.bindings import BoundCodes
    from fhir_service.validation.profiles.registry import ProfileRegistry

MOST_FINDINGS = 500
MOST_STEPS = 500_000
"""Elements, slices and discriminators looked at."""
MOST_SECONDS = 5.0
"""By the clock, FHIRPath included."""
_BETWEEN_LOOKS_AT_THE_CLOCK = 2000


class Mismatch(Exception):
    """In a trial: the value does not conform."""


class Enough(Exception):
    """MOST_FINDINGS, MOST_STEPS or MOST_SECONDS; what is left was not looked at."""


@dataclass(slots=True)
class Budget:
    steps: int = MOST_STEPS
    deadline: float = field(default_factory=lambda: monotonic() + MOST_SECONDS)
    next_look: int = MOST_STEPS - _BETWEEN_LOOKS_AT_THE_CLOCK

    def spend(self, steps: int = 1) -> None:
        """Raises Enough."""
        self.steps -= steps
        if self.steps < self.next_look:
            if self.steps < 0:
                raise Enough(f"it takes more than {MOST_STEPS:,} steps")
            self.next_look = self.steps - _BETWEEN_LOOKS_AT_THE_CLOCK
            self.look_at_clock()

    def look_at_clock(self) -> None:
        """Raises Enough."""
        if monotonic() > self.deadline:
            raise Enough(f"it takes more than {MOST_SECONDS:g} seconds")


@dataclass(slots=True)
class Run:
    """`resource` is what FHIRPath knows as %resource, `root` what it knows as %rootResource; `target` finds what a
    reference leads to inside of what was sent."""

    registry: ProfileRegistry
    codes: BoundCodes
    resource: Any
    root: Any
    target: Callable[[str, Any], Any]
    must_support: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    issues: list[Issue] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    trial: bool = False
    asked: dict[tuple[int, str], bool] = field(default_factory=dict)
    """Whether a value (by identity) conforms to a profile, as far as it is known; true while it is being found out."""
    said: set[str] = field(default_factory=set)
    unable: set[str] = field(default_factory=set)
    """Expressions that could not be run, or took too long; they are not run again."""
    _size: list[int] = field(default_factory=list)

    def look_at_clock(self) -> None:
        """Raises Enough where the time is over."""
        self.budget.look_at_clock()

    def size(self) -> int:
        """How many values the resource has, all levels counted."""
        if not self._size:
            waiting, count = [self.root], 0
            while waiting:
                node = waiting.pop()
                count += 1
                waiting.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            self._size.append(count)
        return self._size[0]

    def found(self, severity: str, code: str, text: str, where: str, rule: str) -> None:
        """A finding. Raises Mismatch in a trial, Enough where there are too many."""
        if self.trial:
            if severity == "error":
                raise Mismatch
            return
        if len(self.issues) >= MOST_FINDINGS:
            raise Enough(f"there are more than {MOST_FINDINGS} findings")
        self.issues.append(Issue(severity, code, text, (where,) if where else (), rule))

    def once(self, severity: str, code: str, text: str, where: str, rule: str) -> None:
        """A finding that is the same everywhere, told at the first place."""
        if not self.trial and text not in self.said:
            self.said.add(text)
            self.found(severity, code, text, where, rule)

    def conforms(self, key: tuple[int, str], check: Callable[[Run], None]) -> bool:
        """Whether a check, run as a trial, finds no error."""
        if key not in self.asked:
            self.asked[key] = True
            self.asked[key] = self.passes(check)
        return self.asked[key]

    def passes(self, check: Callable[[Run], None]) -> bool:
        """Whether a check finds no error."""
        try:
            check(replace(self, trial=True))
        except Mismatch:
            return False
        return True

    def errors(self, check: Callable[[Run], None]) -> list[Issue]:
        """What a check finds that speaks against the value, apart from this validation."""
        apart = replace(self, issues=[])
        check(apart)
        return [issue for issue in apart.issues if issue.severity == "error"]

    def inside(self, resource: Any) -> Run:
        """The same validation, in a resource that is nested in this one."""
        return self if resource is self.resource else replace(self, resource=resource)
