"""Printed normal ranges, told apart from the values they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.quantities import Quantity, number, quantities

_BARE_BOUND = compiled(r"\s?[(\[]\s?(?:<=?|≤)\s?(?P<high>\d+(?:\.\d+)?)(?:\s?[A-Za-zµ%/]{1,6})?\s?[)\]]")
_BARE_RANGE = compiled(
    r"\s?[(\[]\s?(?P<low>\d+(?:,\d{3})*(?:\.\d+)?)\s?(?:-|to)\s?(?P<high>\d+(?:,\d{3})*(?:\.\d+)?)(?:\s?[A-Za-zµ%/]{1,6})?\s?[)\]]"
)


@dataclass(frozen=True)
class Reference:
    """A printed normal range at `start` to `end`."""

    start: int
    end: int
    low: Decimal | None
    high: Decimal | None


@cache
def _reference() -> Pattern:
    words = lexicon("measurements").pattern("reference")
    n = r"\d+(?:,\d{3})*(?:\.\d+)?"
    unit = r"(?:\s?[A-Za-zµ%°/\[\]0-9^]{1,8})?"
    return compiled(
        rf"[;,(\[]\s?(?:(?:with\s)?(?:a\s|the\s|its\s)?{words}|N\b|NR\b)\s?(?:of|is|was|for\s\w+)?\s?[:,=;]?\s?\(?(?:between\s)?"
        rf"(?:(?P<low>{n}){unit}?\s?(?:-|to|and)\s?(?P<high>{n})|"
        rf"(?:<=?|≤|less than|below|under|up to)\s?(?P<below>{n})|(?:>=?|≥|more than|above|over)\s?(?P<above>{n}))",
        re.IGNORECASE,
    )


def split(text: str) -> tuple[list[Reference], list[Quantity]]:
    """The printed normal ranges, and the quantities that are none."""
    references = [
        Reference(match.start(), match.end(), _bound(match, "low", "above"), _bound(match, "high", "below"))
        for match in _reference().finditer(text)
    ]
    numbers = [
        quantity
        for quantity in quantities(text)
        if not any(r.start < quantity.end and quantity.start < r.end for r in references)
    ]
    for quantity in numbers:
        # "12 mg/L (0-5)": a range in brackets right behind a laboratory value with a unit is its normal range.
        match = _BARE_RANGE.match(text, quantity.end) or _BARE_BOUND.match(text, quantity.end)
        if match and quantity.unit is not None and quantity.unit.kind is None and "/" in quantity.unit.code:
            low = number(match["low"]) if "low" in match.groupdict() else None
            references.append(Reference(match.start(), match.end(), low, number(match["high"])))
    return references, [q for q in numbers if not any(r.start < q.end and q.start < r.end for r in references)]


def _bound(match: re.Match[str], closed: str, opened: str) -> Decimal | None:
    printed = match[closed] or match[opened]
    return None if printed is None else number(printed)
