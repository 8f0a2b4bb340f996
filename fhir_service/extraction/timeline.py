"""Relative times as they are written: how long, before or after what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from fhir_service.extraction.numbers import number_of, ordinal_of
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.time_patterns import patterns
from fhir_service.extraction.words import once
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
    "week": "wk",
    "wk": "wk",
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


_TIME_WORD = compiled(
    r"second|min|hour|hr|\bh\b|day|week|wk|month|mo\b|mos\b|year|yr|after|dur|immediate|intra|once|throughout|course|time|end|"
    r"while|wak|morning|evening|night|POD",
    re.IGNORECASE,
)


def find_durations(text: str) -> list[Duration]:
    """Every amount of time; "several days" has neither value nor range."""
    found = []
    for match in patterns().duration.finditer(text):
        value, low, high, unit = _amount(match)
        found.append(Duration(match.start(), match.end(), value, low, high, unit))
    return found


def find_times(text: str) -> list[TimeMention]:
    """Every relative time in a normalised text, in order, without overlaps."""
    return list(_times(text))


@once
def _times(text: str) -> tuple[TimeMention, ...]:
    if not _TIME_WORD.search(text):
        return ()
    found = [*_counted(text), *_numbered_days(text), *_at_once(text), *_passing(text)]
    found.sort(key=lambda mention: (mention.start, -mention.end))
    kept: list[TimeMention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return tuple(kept)


def _counted(text: str) -> list[TimeMention]:
    found = []
    kinds = patterns()
    for pattern in (kinds.later, kinds.postoperatively_at, kinds.after, kinds.at, kinds.within):
        for match in pattern.finditer(text):
            value, low, high, unit = _amount(match)
            if pattern is kinds.within:  # an upper end only
                value, low, high = None, None, high or value
            if pattern in (kinds.after, kinds.within):
                relation, anchor = Relation.AFTER, Anchor.PREVIOUS
            elif pattern is kinds.at:
                relation, anchor = Relation.AFTER, Anchor.SURGERY
            else:
                relation, anchor = _relation(match)
            found.append(TimeMention(match.start(), match.end(), relation, anchor, value, low, high, unit))
    return found


def _relation(match: re.Match[str]) -> tuple[Relation, Anchor]:
    groups = match.groupdict()
    if groups.get("before"):
        return Relation.BEFORE, _anchor(groups, "b_")
    if groups.get("past"):
        return Relation.BEFORE, Anchor.PRESENT
    if groups.get("later") or groups.get("plain"):
        return Relation.AFTER, Anchor.PREVIOUS
    if compiled("plasty|PKP|PVP", re.IGNORECASE).search(groups.get("post") or ""):
        return Relation.AFTER, Anchor.PROCEDURE
    return Relation.AFTER, _anchor(groups, "")


def _anchor(groups: dict[str, str | None], prefix: str) -> Anchor:
    if groups.get(f"{prefix}augmentation"):
        return Anchor.PROCEDURE
    if groups.get(f"{prefix}discharge"):
        return Anchor.DISCHARGE
    operation = groups.get(f"{prefix}operation")
    return Anchor.TREATMENT if operation and patterns().treatment.search(operation) else Anchor.SURGERY


def _numbered_days(text: str) -> list[TimeMention]:
    found = []
    for match in patterns().numbered.finditer(text):
        group = match.groupdict()
        unit = UNITS[
            (group["unit"] or group["unit2"] or group["unit3"] or group["unit4"] or group["unit5"] or "day").lower()
        ]
        which = group["nth"] or group["nth2"] or group["nth3"]
        if which is None:
            value = number_of(group["n"] or group["n2"] or group["pod"] or "")
        elif which.lower() in ("same", "next", "following"):
            value = Decimal(0 if which.lower() == "same" else 1)
        else:
            value = Decimal(ordinal_of(which))
        anchor = Anchor.PROCEDURE if group["augmentation"] else Anchor.SURGERY
        found.append(TimeMention(match.start(), match.end(), Relation.AFTER, anchor, value, unit=unit))
    for match in patterns().next_day.finditer(text):
        unit = "wk" if match["unit"].lower() == "week" else "d"
        value = Decimal(0 if match["which"].lower() == "same" else 1)
        found.append(TimeMention(match.start(), match.end(), Relation.AFTER, Anchor.PREVIOUS, value, unit=unit))
    return found


def _passing(text: str) -> list[TimeMention]:
    """ "Over days", "in the following weeks": time went by, how much is not said."""
    return [
        TimeMention(match.start(), match.end(), Relation.AFTER, Anchor.PREVIOUS, unit=UNITS[match["unit"].lower()[:-1]])
        for match in patterns().passing.finditer(text)
    ]


def _at_once(text: str) -> list[TimeMention]:
    found = []
    for match in patterns().at_once.finditer(text):
        groups = match.groupdict()
        words = match[0].lower()
        prefix = "d_" if groups["during"] else ""
        anchor = Anchor.PROCEDURE if groups["injecting"] else _anchor(groups, prefix)
        if words in ("immediately", "at once"):
            anchor = Anchor.PREVIOUS
        vague = words.startswith(("shortly", "soon"))
        with_it = groups["during"] or groups["injecting"] or words.startswith("intra")
        found.append(
            TimeMention(
                match.start(),
                match.end(),
                Relation.CONCURRENT if with_it else Relation.AFTER,
                anchor,
                None if vague else Decimal(0),
                unit=None if vague else "h",
                at_once=not vague,
            )
        )
    return found


def _amount(match: re.Match[str]) -> tuple[Decimal | None, Decimal | None, Decimal | None, str]:
    groups = match.groupdict()
    unit = UNITS[compiled(r"s$").sub("", groups["unit"].lower())]
    if unit == "s":  # told in minutes; "a few seconds" is at once
        seconds = groups["value"] or groups["low"]
        return (number_of(seconds) / 60, None, None, "min") if seconds else (Decimal(0), None, None, "h")
    if groups["low"]:
        return None, number_of(groups["low"]), number_of(groups["high"] or ""), unit
    if groups["value"]:
        half = Decimal("0.5") if groups["half"] else Decimal(0)
        return number_of(groups["value"]) + half, None, None, unit
    if groups["one"]:
        return Decimal("1.5") if "half" in groups["one"] else Decimal(1), None, None, unit
    return None, None, None, unit
