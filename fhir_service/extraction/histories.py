"""Where a sentence tells what its patient had before: words that lead a list of diseases, or close one, and the list
a person is introduced with.

The words are data: `mappings/lexicons/history.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Set

from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.words import once

_CUE_REACH = 200
_BEHIND_REACH = 120
_STOP = compiled(r"[;]|\.\s")
_LIST_BEHIND = compiled(
    r"(?:\s?\([^()]*\))?(?:,?\s(?:and|or|as well as)\s[^.;]*|,\s[^.;]*|\s(?:was|were|is|are)\s)?\s?"
)
_AFTER_PERSON = compiled(
    r"(?:\s\([^)]*\))?,?\s(?:(?:of|aged)\s)?(?:\d{1,3}(?:\s(?:y|yrs?|years?|y/o)(?:\s(?:old|of age))?)?\.?,?\s)?"
)
_AGE = compiled(r"\b\d{1,3}[\s-](?:y|yr|year|y/o)s?(?:[\s-]old)?\b|\baged\s\d{1,3}\b", re.IGNORECASE)
_FINITE = compiled(
    r"\b(?:was|were|is|are|had|has|have|did|became|got|went|took|complains?|shows?|needs?|fell|lost|felt)\b",
    re.IGNORECASE,
)
_WAS = compiled(r"\b(?:was|were)\b|:")


def introduced(text: str, start: int, end: int) -> bool:
    """`a man with atrial fibrillation and multiple myeloma`, `F, 72 y, arterial hypertension`, `an obese woman`: in the
    list the person is introduced with, in apposition, or right before the word for the person."""
    found = _found(text)
    if any(hit.start == end + 1 for hit in lexicon("people").find_all(text)):
        return True
    for person in _persons(text):
        if person >= start:
            break
        if _happens(found, person, start):
            continue
        lead = _lead(text, found, person)
        if lead is not None and lead <= start and not _WAS.search(text, lead, start):
            return True
        if text[person : person + 2].strip()[:1] in (",", ";", "(") and not _FINITE.search(text, person, start):
            return "." not in text[person:start]
    return False


ANYWHERE = frozenset({"history"})
"""Words that mean history wherever they stand in the story."""
HAS = ANYWHERE | {"present"}
BEFORE = HAS | {"cue"}
"""Words that mean it before the story comes to the augmentation."""


def cued(text: str, start: int, end: int, codes: Set[str]) -> bool:
    """Words of history, of these codes, that lead the list in which `text[start:end]` stands, or close it."""
    found = _found(text)
    leads = [hit for hit in found if hit.code in codes and start - _CUE_REACH <= hit.start and hit.end <= start]
    if leads and not _happens(found, leads[-1].end, start) and not _STOP.search(text, leads[-1].end, start):
        return True
    behind = next((hit for hit in found if hit.code == "behind" and end <= hit.start <= end + _BEHIND_REACH), None)
    return behind is not None and _LIST_BEHIND.fullmatch(text, end, behind.start) is not None


def lists(text: str) -> list[tuple[int, int]]:
    """Where a sentence lists what its patient had: behind words of history, or behind the person introduced."""
    found = _found(text)
    starts = [hit.end for hit in found if hit.code == "history"]
    starts += [lead for person in _persons(text) if (lead := _lead(text, found, person)) is not None]
    return [(start, _list_end(text, found, start)) for start in starts]


def _list_end(text: str, found: tuple[Hit, ...], start: int) -> int:
    events = [hit.start for hit in found if hit.code == "event" and hit.start >= start]
    stop = _STOP.search(text, start)
    verb = _FINITE.search(text, start + 1) if not text.startswith(":", start) else None
    if verb and verb.start() - start < 4:  # "history was", "antecedents were"
        verb = _FINITE.search(text, verb.end())
    return min([len(text), *events[:1], *(match.start() for match in (stop, verb) if match)])


def _happens(found: tuple[Hit, ...], start: int, end: int) -> bool:
    return any(hit.code == "event" and start <= hit.start and hit.end <= end for hit in found)


def _lead(text: str, found: tuple[Hit, ...], person: int) -> int | None:
    """Where the list begins that a person is introduced with."""
    gap = _AFTER_PERSON.match(text, person)
    if gap is None:
        return None
    ends = [hit.end for hit in found if hit.code == "lead" and hit.start in (gap.end(), gap.end() - 1)]
    return max(ends, default=None)


@once
def _found(text: str) -> tuple[Hit, ...]:
    return tuple(lexicon("history").find_all(text))


@once
def _persons(text: str) -> tuple[int, ...]:
    """Where the words for a person, or a person's age, end."""
    ends = {hit.end for hit in lexicon("people").find_all(text)}
    return tuple(sorted(ends | {match.end() for match in _AGE.finditer(text)}))
