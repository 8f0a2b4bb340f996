"""The prefixes of dates, numbers and quantities, as conditions on the ends of a stored interval (PRE-1 to PRE-5).

S is what the search value covers, T what a stored value covers. Dates are half-open, so T ends before its high end;
stored numbers are closed, and a point has equal ends. With the prefixes that order, a number is exact (NUM-2).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fhir_service.search.criteria import Comparison
from fhir_service.search.dates import EARLIEST, LATEST, Range

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_PREFIXED = re.compile(rf"({'|'.join(PREFIXES)})?(.*)", re.DOTALL)
Alternatives = tuple[tuple[Comparison, ...], ...]


def prefixed(text: str) -> tuple[str, str]:
    """The prefix (`eq` where there is none) and the rest."""
    found = _PREFIXED.fullmatch(text)
    assert found is not None  # noqa: S101  # every text has this form
    return found[1] or "eq", found[2]


def date_comparisons(prefix: str, low: int, high: int, now: int) -> Alternatives:
    """For a search value from `low` up to `high`. `ap` reaches a tenth of the way from `now` further."""
    within = (Comparison("low", ">=", low), Comparison("high", "<=", high))
    margin = abs(now - low) // 10
    near = Range(max(low - margin, EARLIEST), min(high + margin, LATEST))
    return {
        "eq": (within,),
        "ne": ((Comparison("low", "<", low),), (Comparison("high", ">", high),)),
        "gt": ((Comparison("high", ">", high),),),
        "lt": ((Comparison("low", "<", low),),),
        "ge": ((Comparison("high", ">", high),), within),
        "le": ((Comparison("low", "<", low),), within),
        "sa": ((Comparison("low", ">=", high),),),
        "eb": ((Comparison("high", "<=", low),),),
        "ap": ((Comparison("low", "<", near.high), Comparison("high", ">", near.low)),),
    }[prefix]


class Wanted(NamedTuple):
    """A number as it is asked for: what its digits cover (from `low` up to, without, `high`), itself, what is near."""

    low: float
    number: float
    high: float
    nearest_low: float
    nearest_high: float


def number_comparisons(prefix: str, wanted: Wanted) -> Alternatives:
    """For a number in the unit that stored ones have."""
    low, number, high, nearest_low, nearest_high = wanted
    is_it = (Comparison("low", ">=", number), Comparison("high", "<=", number))
    return {
        "eq": ((Comparison("low", ">=", low), Comparison("high", "<", high)),),
        "ne": ((Comparison("low", "<", low),), (Comparison("high", ">=", high),)),
        "gt": ((Comparison("high", ">", number),),),
        "lt": ((Comparison("low", "<", number),),),
        "ge": ((Comparison("high", ">", number),), is_it),
        "le": ((Comparison("low", "<", number),), is_it),
        "sa": ((Comparison("low", ">", number),),),
        "eb": ((Comparison("high", "<", number),),),
        "ap": ((Comparison("low", "<=", nearest_high), Comparison("high", ">=", nearest_low)),),
    }[prefix]
