"""A measured figure, and the bar it is held to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, such as `Figure("token search, 200,000 to 1,000 resources", 1.4, "x", below=2.0)`."""

    what: str
    value: float
    unit: str
    below: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the bar is met, where there is one."""
        low_enough = self.below is None or self.value < self.below
        return low_enough and (self.at_least is None or self.value >= self.at_least)

    @property
    def bar(self) -> str:
        return (
            f"< {self.below:g}"
            if self.below is not None
            else f">= {self.at_least:g}"
            if self.at_least is not None
            else ""
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"holds": self.holds}
