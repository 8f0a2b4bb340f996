"""Means and ranges of a group: ages, intervals, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import zip_longest

from fhir_service.extraction.cohort_memory import Memory
from fhir_service.extraction.cohort_numbers import words
from fhir_service.extraction.cohort_words import clean, item
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.narrative import names_patient
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.quantities import Quantity, quantities
from fhir_service.reports.case_report import Coded, GroupStatement

_RANGED = compiled(
    r"\b(?:rang(?:ed|es|ing)|occurred|varied|varies|developed|appeared|noted|between|interval\b[^.;]{0,50}\bwas|onset\b[^.;]{0,30}\bwas)\b[^.;]{0,40}$",
    re.IGNORECASE,
)
_MANY = compiled(
    r"\b(?:patients|cases|ages|women|men|radiculopathy|symptoms|they|their|studies|literature)\b", re.IGNORECASE
)
_MEAN_REACH = 70
_TO = compiled(r"\s?(?:(?:±|\+/-)\s?[\d.]+\s?)?(?:points?\s|mm\s|cm\s)?to\s?")
_AGES = compiled(r"\s(?:old|of\sage)\b")


def means(sentence: Sentence) -> Iterator[GroupStatement]:
    """Every mean a sentence states; of a change, the one before and the one after."""
    text = sentence.text
    for match in compiled(words("mean")).finditer(text):
        near = [q for q in quantities(text) if match.end() <= q.start < match.end() + _MEAN_REACH and q.second is None]
        near = [q for q in near if not compiled(r"[.;,]\s").search(text[match.end() : q.start])]
        near = [q for q in near if not text[: q.start].rstrip().endswith(("±", "+/-"))]
        for quantity in near[: 2 if near and _is_change(text, near) else 1]:
            yield _measured(sentence, quantity, match.start(), mean=quantity.value)


def _is_change(text: str, near: Sequence[Quantity]) -> bool:
    return len(near) > 1 and _TO.fullmatch(text[near[0].end : near[1].start]) is not None


def ranges(sentence: Sentence, memory: Memory) -> Iterator[GroupStatement]:
    """`ages ranged from 68 to 89 years`, `occurred from 2 to 16 weeks after`: of several patients only."""
    text = sentence.text
    if names_patient(text) or not (_MANY.search(text) or memory.near(sentence.paragraph, 0)):
        return
    for quantity in _spans_of_time(text):
        before = text[max(0, quantity.start - 70) : quantity.start]
        if _RANGED.search(before) or _AGES.match(text, quantity.end):
            yield _measured(sentence, quantity, None, low=quantity.value, high=quantity.high)


def _spans_of_time(text: str) -> Iterator[Quantity]:
    """`2 to 16 weeks`, also where it is printed as two numbers (`from 2 to 16 weeks`)."""
    found = quantities(text)
    for quantity, following in zip_longest(found, found[1:]):
        if quantity.high is not None and quantity.unit is not None and quantity.unit.kind == "time":
            yield quantity
        elif quantity.unit is None and following is not None and following.unit is not None:
            joint = compiled(r"\s?(?:to|and|-)\s?").fullmatch(text[quantity.end : following.start])
            if joint and following.unit.kind == "time" and quantity.value < following.value:
                yield replace(quantity, end=following.end, high=following.value, unit=following.unit)


def _measured(
    sentence: Sentence,
    quantity: Quantity,
    start: int | None,
    *,
    mean: Decimal | None = None,
    low: Decimal | None = None,
    high: Decimal | None = None,
) -> GroupStatement:
    text = sentence.text
    first, last = item(text, quantity.start, quantity.end)
    first = min(first, start) if start is not None else first
    return GroupStatement(
        id="",
        about=Coded(text=clean(text[first:last])),
        mean=mean,
        low=low,
        high=high,
        unit=quantity.unit.code if quantity.unit is not None else None,
        span=(sentence.span(first, last),),
        rule="cohort_statements.mean" if mean is not None else "cohort_statements.range",
    )
