"""Dates a sentence states, and how long after the date of the augmentation they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.times import Anchor, TimeMention
from fhir_service.reports.case_report import Relation

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?|"
    r"Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_FORMS = (
    compiled(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}\b(?:,?\s{_YEAR}\b)?"),
    compiled(rf"\b{_MONTH}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s?%)(?:,?\s{_YEAR}\b)?"),
    compiled(rf"\b{_MONTH}\s(?:of\s)?{_YEAR}\b"),
    compiled(rf"\b{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)\b"),
)


@dataclass(frozen=True)
class StatedDate:
    """A date at `text[start:end]`; without `day` a month of a year, without `year` a day of a year told before."""

    start: int
    end: int
    year: int | None
    month: int
    day: int | None


def find_dates(text: str) -> list[StatedDate]:
    """Every date, in order; those that no calendar has are left out."""
    found: list[StatedDate] = []
    for form in _FORMS:
        for match in form.finditer(text):
            if not any(other.start < match.end() and match.start() < other.end for other in found):
                found += _read(match)
    return sorted(found, key=lambda stated: stated.start)


def _read(match: re.Match[str]) -> Iterator[StatedDate]:
    groups = match.groupdict()
    month = int(groups["month"]) if groups["month"].isdigit() else _MONTHS.index(groups["month"][:3].lower()) + 1
    day = int(groups["day"]) if groups.get("day") else None
    year = int(groups["year"]) if groups["year"] else None
    try:
        date(year or 2000, month, day or 1)
    except ValueError:
        return
    yield StatedDate(match.start(), match.end(), year, month, day)


def times_since(first: StatedDate, text: str) -> list[TimeMention]:
    """The dates of a sentence as times after that one; earlier ones, and days against months, are none."""
    return [time for stated in find_dates(text) if (time := _since(first, stated)) is not None]


def _since(first: StatedDate, later: StatedDate) -> TimeMention | None:
    if (first.day is None) is not (later.day is None) or (first.year is None and later.year is not None):
        return None
    year = later.year or first.year or 2000
    if later.year is None and (later.month, later.day or 1) < (first.month, first.day or 1):
        year += 1  # told without a year, the next such day
    if first.day is not None and later.day is not None:
        amount = (date(year, later.month, later.day) - date(first.year or 2000, first.month, first.day)).days
        unit = "d"
    else:
        amount = (year - (first.year or year)) * 12 + later.month - first.month
        unit = "mo"
    if amount <= 0:
        return None
    return TimeMention(later.start, later.end, Relation.AFTER, Anchor.PROCEDURE, Decimal(amount), unit=unit)
