"""What a relative time is: how long, before or after what."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from fhir_service.reports.case_report import Relation, RelativeTime
from fhir_service.reports.span import SourceSpan


class Anchor(StrEnum):
    """What a time is counted from, as far as its own words say."""

    PROCEDURE = "procedure"
    """The augmentation, named."""
    SURGERY = "surgery"
    """An operation, "postoperatively", "the procedure": which one depends on where the sentence stands."""
    DISCHARGE = "discharge"
    TREATMENT = "treatment"
    PREVIOUS = "previous"
    """Something told just before ("two weeks later")."""
    PRESENT = "present"
    """The moment of telling ("one month ago", "for two years")."""


UNITS = {
    "second": "s",
    "minute": "min",
    "min": "min",
    "hour": "h",
    "hr": "h",
    "h": "h",
    "day": "d",
    "night": "d",
    "morning": "d",
    "evening": "d",
    "week": "wk",
    "wk": "wk",
    "fortnight": "fortnight",
    "month": "mo",
    "mo": "mo",
    "year": "a",
    "yr": "a",
}
DAYS = {"s": Decimal(1) / 86400, "min": Decimal(1) / 1440, "h": Decimal(1) / 24, "d": Decimal(1), "wk": Decimal(7)} | {
    "mo": Decimal("30.4375"),
    "a": Decimal("365.25"),
}


@dataclass(frozen=True)
class TimeMention:
    """A time at `text[start:end]`. Without `value` and `low` no amount is stated. `unit` is UCUM."""

    start: int
    end: int
    relation: Relation
    anchor: Anchor
    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str | None = None
    at_once: bool = False

    @property
    def days(self) -> Decimal | None:
        """The amount, or the lower end of it, in days."""
        amount = self.value if self.value is not None else self.low
        return None if amount is None or self.unit is None else amount * DAYS[self.unit]

    def relative(self, event: str | None, span: SourceSpan, rule: str) -> RelativeTime:
        """This time as counted from the procedure with that id."""
        return RelativeTime(
            relation=self.relation,
            event=event,
            value=self.value,
            low=self.low,
            high=self.high,
            unit=self.unit,
            span=(span,),
            rule=rule,
        )


@dataclass(frozen=True)
class Duration:
    """An amount of time at `text[start:end]`, with no word of before or after."""

    start: int
    end: int
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    unit: str
