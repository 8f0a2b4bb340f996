"""The groups a report has told of so far, and every whole number it has printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Memory:
    """Groups told of, with the paragraph each stands in."""

    wholes: list[tuple[int, Decimal]] = field(default_factory=list)
    numbers: list[tuple[int, Decimal]] = field(default_factory=list)
    """Every whole number printed, whatever it counts."""

    def note(self, paragraph: int, value: Decimal) -> None:
        self.wholes.append((paragraph, value))

    def near(self, paragraph: int, reach: int) -> list[Decimal]:
        """The groups of this paragraph and `reach` before it, the last told first."""
        return [value for told, value in reversed(self.wholes) if 0 <= paragraph - told <= reach]
