"""Relative times as they are written: how long, before or after what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from fhir_service.extraction.numbered_times import numbered_times
from fhir_service.extraction.numbers import number_of
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.short_times import short_forms
from fhir_service.extraction.time_patterns import anchor_of, patterns
from fhir_service.extraction.times import DAYS, UNITS, Anchor, Duration, TimeMention
from fhir_service.extraction.visit_times import visit_times
from fhir_service.extraction.words import once
from fhir_service.reports.case_report import Relation

__all__ = ["DAYS", "Anchor", "Duration", "TimeMention", "find_durations", "find_times"]

_TIME_WORD = compiled(
    r"second|min|hour|hr|\bh\b|day|week|wk|month|mo\b|mos\b|year|yr|after|dur|immediate|intra|once|throughout|course|time|end|"
    r"while|whilst|/|D\+|prone|sooner|hardly|scarcely|barely|before|when|theatre|needle|cannula|trocar|stop|halt|interrupt|abort|abandon|discontinu|broke|before|until|wak|morning|evening|night|POD|emerg|table|recovery|PACU|cement|inject|fill|final|complet",
    re.IGNORECASE,
)


_PARTS = {"half": Decimal("0.5"), "a": Decimal("0.25"), "three": Decimal("0.75")}
""" "Half an hour", "a quarter of an hour", "three quarters of an hour"."""


@once
def find_durations(text: str) -> Sequence[Duration]:
    """Every amount of time; "several days" has neither value nor range."""
    found = []
    for match in patterns().duration.finditer(text):
        value, low, high, unit = _amount(match)
        found.append(Duration(match.start(), match.end(), value, low, high, unit))
    return tuple(found)


def find_times(text: str) -> list[TimeMention]:
    """Every relative time in a normalised text, in order, without overlaps."""
    return list(_times(text))


@once
def _times(text: str) -> tuple[TimeMention, ...]:
    if not _TIME_WORD.is_possible(text):
        return ()
    found = [
        *visit_times(text, find_durations(text)),
        *_counted(text),
        *numbered_times(text),
        *_at_once(text),
        *_passing(text),
        *short_forms(text),
    ]
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
            if pattern is kinds.after or (pattern is kinds.within and not _names_event(match)):
                relation, anchor = Relation.AFTER, Anchor.PREVIOUS
            elif pattern is kinds.at:
                relation, anchor = Relation.AFTER, Anchor.SURGERY
            else:
                relation, anchor = _relation(match)
            found.append(TimeMention(match.start(), match.end(), relation, anchor, value, low, high, unit))
    return found


def _names_event(match: re.Match[str]) -> bool:
    return any(match[event] for event in ("augmentation", "operation", "discharge"))


def _relation(match: re.Match[str]) -> tuple[Relation, Anchor]:
    groups = match.groupdict()
    if groups.get("before"):
        return Relation.BEFORE, anchor_of(groups, "b_")
    if groups.get("past"):
        return Relation.BEFORE, Anchor.PRESENT
    if groups.get("later") or groups.get("plain"):
        return Relation.AFTER, Anchor.PREVIOUS
    if compiled("plasty|PKP|PVP", re.IGNORECASE).search(groups.get("post") or ""):
        return Relation.AFTER, Anchor.PROCEDURE
    return Relation.AFTER, anchor_of(groups, "")


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
        anchor = Anchor.PROCEDURE if groups["injecting"] else anchor_of(groups, "s_" if "seconds" in words else prefix)
        if words in ("immediately", "at once", "within seconds"):
            anchor = Anchor.PREVIOUS
        vague = words.startswith(("shortly", "soon"))
        with_it = groups["during"] or groups["injecting"] or groups["place"] or words.startswith(("intra", "per"))
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
    value, low, high = _number(groups)
    if unit == "fortnight":
        value, low, high = (None if amount is None else amount * 2 for amount in (value, low, high))
        return value, low, high, "wk"
    if unit == "s":  # told in minutes; "a few seconds" is at once
        seconds = value if groups["value"] else low
        return (seconds / 60, None, None, "min") if seconds else (Decimal(0), None, None, "h")
    return value, low, high, unit


def _number(groups: dict[str, str | None]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    half = Decimal("0.5") if groups["half"] or groups["and_half"] or "half" in (groups["one"] or "") else Decimal(0)
    if groups["low"]:
        return None, number_of(groups["low"]), number_of(groups["high"] or "")
    if groups["part"]:
        return _PARTS[re.split(r"[\s-]", groups["part"].lower())[0]], None, None
    if groups["value"]:
        return number_of(groups["value"]) + half, None, None
    return (Decimal(1) + half if groups["one"] else None), None, None
