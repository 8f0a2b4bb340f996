"""What a sentence speaks of: this patient, the reported patients together, other people's patients, things in general.

The words are data: `mappings/lexicons/narrative.toml`.
"""

from __future__ import annotations

import re

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.words import once

_NUMBERS = {
    word: number
    for number, word in enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 2)
}
_NUMBER = "(?:" + "|".join(_NUMBERS) + r"|\d{1,3})"
_COLLECTIVE = compiled(
    rf"\b(?:(?P<all>all|both|each|every)\s(?:of\s(?:the|our|these)\s)?(?:the\s|our\s|these\s)?(?P<n>{_NUMBER})?\s?(?:patients|cases)|"
    rf"(?P<n2>{_NUMBER})\s(?:out\sof\s\d+\s)?(?:\w+\s){{0,2}}?(?:patients|cases)|"
    r"(?:one|another)\s(?:of\s(?:the|our|them)\s)?patient\s(?:died|had|was)|these\spatients)\b",
    re.IGNORECASE,
)

_NAME = r"[A-Z][a-zà-öø-ÿ]+(?:[-'][A-Z][a-zà-öø-ÿ]+)?"
_AUTHORS_SAW = compiled(
    rf"(?<![\w-])(?:{_NAME}\s(?:and|&)\s)?{_NAME}(?:'s\s(?:[\w-]+\s){{0,4}}?patients?\b|,?\s?\[\d{{1,3}}(?:[,–-]\s?\d{{1,3}})*\],?\s"
    r"(?:found|saw|described|noted|observed|lost|had|treated|reported|encountered|published|mentions?|tells?|gives?|a\s(?:fe)?male|a\s(?:wo)?man|an?\s\d))"
)
_NO_AUTHOR = compiled(
    r"(?:\b(?:a|an|the|this|that|our|each|every|another)\s|\b(?:Today|Yesterday|Parkinson|Alzheimer)'s)", re.IGNORECASE
)
"""`an Alzheimer's patient` is nobody's."""


@once
def _authors_saw(text: str) -> bool:
    """ "Abernathy's two patients", "Vasilenko and Moss [5] found": a named author's."""
    return any(
        not _NO_AUTHOR.match(text, match.start())
        and not _NO_AUTHOR.search(text, max(0, match.start() - 8), match.start())
        for match in _AUTHORS_SAW.finditer(text)
    )


@once
def _told(text: str) -> frozenset[str]:
    """The codes of the words a sentence holds, without those that mean something else in the patient's own words."""
    hits = lexicon("narrative").find_all(text)
    own = [hit for hit in hits if hit.code == "own-words"]
    return frozenset(h.code for h in hits if not any(o.start <= h.start and h.end <= o.end for o in own if o is not h))


def names_patient(text: str) -> bool:
    """Whether a pronoun or "the patient" points at somebody the report tells of."""
    return "patient" in _told(text)


def tells_of_patient(text: str) -> bool:
    """Whether it tells in the past tense what happened to one patient, who need not have been introduced."""
    return (own_case(text) or "told" in _told(text)) and not of_others(text) and not collective(text)


def own_case(text: str) -> bool:
    """Whether a sentence outside the case section says that it speaks of the reported case."""
    return "own" in _told(text)


@once
def of_others(text: str) -> bool:
    """Whether it tells what other authors saw."""
    told = _told(text)
    return ("others" in told or _authors_saw(text)) and "own" not in told


@once
def general(text: str) -> bool:
    """Whether it speaks of the procedure or of patients at large."""
    told = _told(text)
    return "own" not in told and (
        "others" in told or _authors_saw(text) or ("general" in told and "patient" not in told)
    )


@once
def collective(text: str) -> bool:
    """Whether it speaks of several patients together."""
    return _COLLECTIVE.search(text) is not None


def speaks_of_all(text: str, count: int) -> bool:
    """Whether it speaks of all `count` reported patients, by that number or by "all", and of no other number."""
    found = list(_COLLECTIVE.finditer(text))
    if not found or any(match["n"] is None and match["n2"] is None and not match["all"] for match in found):
        return False
    numbers = {number for match in found if (number := _count(match)) is not None and number <= 20}
    return numbers == {count} or (not numbers and any(match["all"] for match in found))


def _count(match: re.Match[str]) -> int | None:
    words = (match["n"] or match["n2"] or "").lower()
    return int(words) if words.isdigit() else _NUMBERS.get(words)
