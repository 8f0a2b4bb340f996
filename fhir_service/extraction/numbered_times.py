"""Times told by a number in a row or a part of the day: "on the third day", "in week six", "the morning after"."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_service.extraction.numbers import number_of, ordinal_of
from fhir_service.extraction.time_patterns import anchor_of, patterns
from fhir_service.extraction.times import UNITS, Anchor, TimeMention
from fhir_service.reports.case_report import Relation

_NEXT_DAY = frozenset({"day", "morning"})
"""The evening after an operation is still its day."""


def numbered_times(text: str) -> list[TimeMention]:
    """Every such time, all of them after something; those of one sentence may overlap."""
    kinds = patterns()
    return [
        *(_numbered(match) for match in kinds.numbered.finditer(text)),
        *(_counted_off(match) for match in kinds.counted_off.finditer(text)),
        *(_next(match) for match in kinds.next_day.finditer(text)),
        *(_part_of_day(match) for match in kinds.part_of_day.finditer(text)),
    ]


def _numbered(match: re.Match[str]) -> TimeMention:
    group = match.groupdict()
    unit = group["unit"] or group["unit2"] or group["unit3"] or group["unit4"] or group["unit5"] or "day"
    which = group["nth"] or group["nth2"] or group["nth3"] or group["nth_pod"]
    if which is None:
        value = number_of(group["n"] or group["n2"] or group["pod"] or group["d_plus"] or "")
    elif which.lower() in ("same", "next", "following"):
        value = Decimal(0 if which.lower() == "same" else 1)
    else:
        value = Decimal(ordinal_of(which))
    anchor = Anchor.PROCEDURE if group["augmentation"] else Anchor.SURGERY
    return TimeMention(match.start(), match.end(), Relation.AFTER, anchor, value, unit=UNITS[unit.lower()])


def _counted_off(match: re.Match[str]) -> TimeMention:
    """ "In the fifth month", "by week two". The first week or month is a stretch of time: only its end is known."""
    group = match.groupdict()
    unit = UNITS[(group["unit"] or group["unit2"] or group["unit3"]).lower()]
    value = Decimal(ordinal_of(group["nth"])) if group["nth"] else number_of(group["n"] or group["n2"])
    anchor = Anchor.PROCEDURE if group["augmentation"] else Anchor.SURGERY
    if group["nth"] and value == 1 and unit != "d" and not group["at_end"]:
        return TimeMention(match.start(), match.end(), Relation.AFTER, anchor, high=value, unit=unit)
    return TimeMention(match.start(), match.end(), Relation.AFTER, anchor, value, unit=unit)


def _next(match: re.Match[str]) -> TimeMention:
    """ "The next morning", "that same evening"."""
    unit = UNITS.get((match["unit"] or "").lower(), "d")
    if match["unit"] is None or (match["which"].lower() == "same" and unit == "d"):
        return TimeMention(match.start(), match.end(), Relation.AFTER, Anchor.PREVIOUS, Decimal(0), unit="d")
    value = None if match["which"].lower() == "same" else Decimal(1)
    return TimeMention(match.start(), match.end(), Relation.AFTER, Anchor.PREVIOUS, value, unit=unit)


def _part_of_day(match: re.Match[str]) -> TimeMention:
    """ "The morning after (the procedure)", "on the evening of the operation"."""
    group = match.groupdict()
    later = group["after"] is not None and group["part"].lower() in _NEXT_DAY
    prefix = "o_" if group["of"] else ""
    named = any(group[f"{prefix}{event}"] for event in ("augmentation", "operation", "discharge"))
    anchor = anchor_of(group, prefix) if named else Anchor.PREVIOUS
    return TimeMention(match.start(), match.end(), Relation.AFTER, anchor, Decimal(int(later)), unit="d")
