"""What a sentence speaks of: this patient, the reported patients together, other people's patients, things in general.

The words are data: `mappings/lexicons/narrative.toml`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from fhir_service.extraction.lexicon import lexicon

_NUMBERS = {
    word: number
    for number, word in enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 2)
}
_NUMBER = "(?:" + "|".join(_NUMBERS) + r"|\d{1,3})"
_COLLECTIVE = re.compile(
    rf"\b(?:(?P<all>all|both|each|every)\s(?:of\s(?:the|our|these)\s)?(?:the\s|our\s|these\s)?(?P<n>{_NUMBER})?\s?(?:patients|cases)|"
    rf"(?P<n2>{_NUMBER})\s(?:out\sof\s\d+\s)?(?:\w+\s){{0,2}}?(?:patients|cases)|"
    r"(?:one|another)\s(?:of\s(?:the|our|them)\s)?patient\s(?:died|had|was)|these\spatients)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def _speaks(text: str, code: str) -> bool:
    hits = lexicon("narrative").find_all(text)
    own = [hit for hit in hits if hit.code == "own-words"]
    return any(hit.code == code and not any(o.start <= hit.start and hit.end <= o.end for o in own) for hit in hits)


def names_patient(text: str) -> bool:
    """Whether a pronoun or "the patient" points at somebody the report tells of."""
    return _speaks(text, "patient")


def tells_of_patient(text: str) -> bool:
    """Whether it tells in the past tense what happened to one patient, who need not have been introduced."""
    return (own_case(text) or _speaks(text, "told")) and not of_others(text) and not collective(text)


def own_case(text: str) -> bool:
    """Whether a sentence outside the case section says that it speaks of the reported case."""
    return _speaks(text, "own")


def of_others(text: str) -> bool:
    """Whether it tells what other authors saw."""
    return _speaks(text, "others") and not own_case(text)


def general(text: str) -> bool:
    """Whether it speaks of the procedure or of patients at large."""
    if own_case(text):
        return False
    return of_others(text) or (_speaks(text, "general") and not names_patient(text))


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
