"""Numbers as printed, with unit, range, comparator and score notation: `4500`, `8 to 9`, `190/90 mm Hg`, `< 0.5 mg/dL`.

Units are data (`mappings/lexicons/units.toml`). A number that is a label and no quantity (Fig. 2, day 3, [12], L3,
2012) is not given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from fhir_service.extraction.lexicon import Term, lexicon
from fhir_service.extraction.numbers import WORD_NUMBER, number_of
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.words import once

ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6}
_DIGITS = (
    r"(?:\d{1,3}(?: \d{3})+(?=\s?(?:/[µum]|cells|x\s?10))|(?!0,)\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|"
    r"\d{1,4},\d{1,2}(?![\d,.]\d|\d)|0,\d+|\d+(?:\.\d+)?|\.\d+)"
)
_THOUSANDS = compiled(r"(?!0,)\d{1,3},\d{3}")
_ABBREVIATED = ("fig", "figure", "figs", "figures", "ref", "refs", "no", "nos")
_LABELLING = (
    "table", "tables", "case", "cases", "patient", "patients", "reference", "references", "page", "day", "days", "pod",
    "week", "month", "year", "stage", "type", "class", "part", "step", "room", "version", "phase", "number", "vitamin",
    "vertebra", "vertebrae", "lumbar", "thoracic", "level", "levels", "segment", "segments", "january", "february",
    "march", "april", "may", "june", "july", "august", "september", "october", "november", "december", "in", "since",
    "comment",
)  # fmt: skip
_BEFORE_NUMBER = frozenset({*_ABBREVIATED, *_LABELLING, "x"})
"""The words that `_LABEL` may end with."""
_LABEL = compiled(
    rf"(?:\b(?:(?:{'|'.join(_ABBREVIATED)})\.?|{'|'.join(_LABELLING)})"
    r"\s*(?:#|no\.\s*)?|\bp\s*[<>=]\s*|\bn\s*=\s*|\[[\d,\s-]*|\d\s*x\s*|#)$",
    re.IGNORECASE,
)
_LABELLED_SMALL = compiled(r"\b(?:in|may)\s*$", re.IGNORECASE)
_COMPARATOR = compiled(
    r"(?P<op><=|>=|≤|≥|<|>|"
    r"\b(?:(?:less|lower|fewer|more|greater|higher) than|under|below|over|above|exceeding|at least|up to))\s*$",
    re.IGNORECASE,
)
_COMPARATORS = {
    "<": "<", ">": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">=", "less than": "<", "lower than": "<",
    "fewer than": "<", "under": "<", "below": "<", "more than": ">", "greater than": ">", "higher than": ">",
    "over": ">", "above": ">", "exceeding": ">", "at least": ">=",
}  # fmt: skip
_BEFORE_UNIT = compiled(r"[(\[,]\s?|\s")
_YEAR = compiled(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class Unit:
    """A printed unit: its UCUM code, the print, and what it counts (see units.toml)."""

    code: str
    text: str
    kind: str | None


@dataclass(frozen=True)
class Quantity:
    """A number at `text[start:end]` (unit included). `high` closes a range; `second` is what stands behind a slash."""

    start: int
    end: int
    value: Decimal
    high: Decimal | None = None
    second: Decimal | None = None
    unit: Unit | None = None
    comparator: str | None = None
    word: bool = False
    """Printed as a word or a Roman numeral."""


@cache
def _units() -> tuple[Pattern, dict[str, Term]]:
    terms = {_plain(word): term for term in lexicon("units").terms for word in term.words}
    prints = sorted((word for term in lexicon("units").terms for word in term.words), key=len, reverse=True)
    alternatives = "|".join(r"\s?".join(map(re.escape, word.split(" "))) for word in prints)
    return compiled(rf"(?P<gap>\s?-?)(?P<unit>{alternatives})(?![A-Za-z0-9])(?!/\w)", re.IGNORECASE), terms


def _plain(word: str) -> str:
    return word.lower().replace(" ", "")


@cache
def _number() -> Pattern:
    joined = r"\s?(?:-|~|to|or|and)\s?"
    return compiled(
        rf"(?<![\w.,/^])(?P<sign>(?<![\w)])-\s?|\bminus\s)?(?P<first>{_DIGITS})(?!\d)"
        rf"(?:(?:[+-]?\s?/\s?)(?P<second>\d+(?:\.\d+)?)(?![\d/])|(?P<first_unit>\s?[%°])?(?P<join>{joined})(?P<minus>-\s?)?(?P<last>{_DIGITS})(?![\w/]*/\d))?"
        rf"|\b(?P<word>{WORD_NUMBER})\b"
        r"|(?:(?<=grade )|(?<=grade from )|(?<=improved from )|(?<=worsened from )|(?<=[IV] to ))"
        r"(?P<roman>VI|IV|V|I{1,3})\b",
        re.IGNORECASE,
    )


@once
def quantities(text: str) -> tuple[Quantity, ...]:
    """Every quantity of a normalised sentence, in order."""
    found: list[Quantity] = []
    pattern = _number()
    position = 0
    while match := pattern.search(text, position):
        position = max(match.end(), position + 1)
        quantity, end = _read(text, match)
        position = max(end, match.start() + 1)
        if quantity is not None:
            found.append(quantity)
    return tuple(found)


def _read(text: str, match: re.Match[str]) -> tuple[Quantity | None, int]:
    start = match.start()
    if match["word"] or match["roman"]:
        value = Decimal(ROMAN[match["roman"].upper()]) if match["roman"] else number_of(match["word"])
        unit, end = _unit_at(text, match.end())
        return Quantity(start, end, value, unit=unit, word=True), end
    if _is_label(text, match):
        return None, match.end("first")
    value = number(match["first"])
    if match["sign"]:
        value = -value
    if match["second"] is not None:
        unit, end = _unit_at(text, match.end())
        return Quantity(start, end, value, second=number(match["second"]), unit=unit), end
    if match["last"] is not None and _is_range(match, value):
        unit, end = _unit_at(text, match.end())
        high = number(match["last"])
        return _with_comparator(
            text, Quantity(start, end, value, high=-high if match["minus"] else high, unit=unit)
        ), end
    unit, end = _unit_at(text, match.end("first"))
    return _with_comparator(text, Quantity(start, end, value, unit=unit)), end


def _is_range(match: re.Match[str], low: Decimal) -> bool:
    """`8 to 9` and `8-9` are ranges; `from 9 to 3` and `8 and 9` are two numbers."""
    join = match["join"].strip().lower()
    before = match.string[max(0, match.start() - 12) : match.start()].lower().rstrip()
    last = number(match["last"])
    if join == "and":
        return before.endswith("between") and low < last
    if join in ("-", "~"):
        return low <= last or bool(match["minus"]) or bool(match["sign"])
    return low < last and not before.endswith("from")


def _is_label(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 24) : match.start()]
    last = before.split()[-1:]
    if last and last[0].isalpha() and last[0].lower() not in _BEFORE_NUMBER:
        return False
    label = _LABEL.search(before)
    if label is None:
        return False
    if _LABELLED_SMALL.search(before):
        return _YEAR.fullmatch(match["first"]) is not None or before.rstrip().lower().endswith("may")
    return True


def _unit_at(text: str, position: int) -> tuple[Unit | None, int]:
    pattern, terms = _units()
    match = pattern.match(text, position)
    if match is None:
        return None, position
    printed = compiled(r"\s+").sub(" ", match["unit"])
    term = terms[_plain(match["unit"])]
    return Unit(term.code, printed, term["kind"]), match.end()


def unit_behind(text: str, start: int) -> tuple[Unit, int] | None:
    """The unit printed behind a name that ends at `start` ("WBC (/µL)", "CRP, mg/dL"), and where it ends."""
    for opening in _BEFORE_UNIT.finditer(text, start):
        unit, end = _unit_at(text, opening.end())
        if unit is not None:
            return unit, end
    return None


def _with_comparator(text: str, quantity: Quantity) -> Quantity:
    match = _COMPARATOR.search(text, max(0, quantity.start - 14), quantity.start)
    if match is None:
        return quantity
    comparator = _COMPARATORS.get(match["op"].lower())
    return Quantity(
        quantity.start, quantity.end, quantity.value, quantity.high, quantity.second, quantity.unit, comparator
    )


def number(printed: str) -> Decimal:
    """The value of digits as printed; a comma before three digits separates thousands, another one decimals."""
    plain = printed.replace(" ", "")
    return Decimal(plain.replace(",", "") if _THOUSANDS.match(plain) else plain.replace(",", "."))
