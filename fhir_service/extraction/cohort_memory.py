"""The groups a report has told of so far, and every whole number it has printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from fhir_service.reports.span import SourceSpan


@dataclass
class Memory:
    """Groups told of, with the paragraph each stands in and the words that count it."""

    wholes: list[tuple[int, Decimal, SourceSpan]] = field(default_factory=list)
    numbers: list[tuple[int, Decimal]] = field(default_factory=list)
    """Every whole number printed, whatever it counts."""

    def note(self, paragraph: int, value: Decimal, span: SourceSpan) -> None:
        self.wholes.append((paragraph, value, span))

    def said(self, value: Decimal) -> SourceSpan | None:
        """The words that told last of a group of this size."""
        return next((span for _, told, span in reversed(self.wholes) if told == value), None)

    def near(self, paragraph: int, reach: int) -> list[Decimal]:
        """The groups of this paragraph and `reach` before it, the last told first."""
        return [value for told, value, _ in reversed(self.wholes) if 0 <= paragraph - told <= reach]
