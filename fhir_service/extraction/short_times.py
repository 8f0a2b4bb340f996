"""Amounts of time as British notes write them: 2/7 are days, 6/52 weeks, 3/12 months."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.times import Anchor, TimeMention
from fhir_service.reports.case_report import Relation

_UNITS = {"7": "d", "52": "wk", "12": "mo"}
_AMOUNT = r"(?<![\d/.])(?P<n>\d{1,2})\s?/\s?(?P<of>7|12|52)(?![\d/.])"
_AFTER = compiled(
    rf"{_AMOUNT}\s?(?:later|on\b|post(?:[- ]?(?:op\w*|procedure|VP|KP|PVP|PKP|BKP|vertebroplasty|kyphoplasty))?\b|"
    r"after(?:\s(?:the\s)?(?:VP|KP|PVP|PKP|BKP|vertebroplasty|kyphoplasty|procedure|surgery|operation))?)",
    re.IGNORECASE,
)
_AT = compiled(rf"\b(?:at|by|@)\s{_AMOUNT}(?!\s?(?:ago|before|earlier|history|previously))", re.IGNORECASE)


def short_forms(text: str) -> list[TimeMention]:
    """The times after something that are written so; a fraction without such a word is no time."""
    if "/" not in text:
        return []
    return [_mention(match) for pattern in (_AFTER, _AT) for match in pattern.finditer(text)]


def _mention(match: re.Match[str]) -> TimeMention:
    later = match[0].lower().endswith(("later", "on", "after"))
    anchor = Anchor.PREVIOUS if later else Anchor.SURGERY
    return TimeMention(
        match.start(), match.end(), Relation.AFTER, anchor, Decimal(match["n"]), unit=_UNITS[match["of"]]
    )
