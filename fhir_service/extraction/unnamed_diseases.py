"""Diseases that no term names, read where history is listed: by how the word is made ("-itis", "... syndrome").

The endings are data: `head` and `not_head` of `mappings/lexicons/diseases.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.condition_facts import condition
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.histories import lists
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.reports.case_report import ConditionFact, Polarity

_ITEM = compiled(r"[^,;:()]+?(?=,|;|:|\(|\)|\sand\s|\sor\s|\sas\swell\sas\s|\splus\s|\.?$)")
_ARTICLE = compiled(
    r"[\s.]*(?:(?:and|or|of|an?|the|also|as well as|plus|was|were|is|are|included|includes|including|comprised|for|with"
    r"|from|her|his|some)\s)*",
    re.IGNORECASE,
)
_LONGEST = 4
"""Words of a name; what is longer is a clause."""
_CONFIDENCE = 0.8


def unnamed_diseases(sentence: Sentence, named: Sequence[tuple[int, int]]) -> Iterator[ConditionFact]:
    """The items of a history list that end as a disease does and are not `named` already."""
    if sentence.section not in (Section.CASE, Section.ABSTRACT, Section.COMMENT):
        return
    text = sentence.text
    taken = list(named)
    for begin, end in lists(text):
        for item in _ITEM.finditer(text, begin, end):
            gap = _ARTICLE.match(text, item.start(), item.end())
            at = (gap.end() if gap else item.start(), item.start() + len(item[0].rstrip()))
            if any(a < at[1] and at[0] < b for a, b in taken) or not _is_disease(text[at[0] : at[1]]):
                continue
            read = context.read(sentence, *at)
            if read.polarity is not Polarity.AFFIRMED or read.family or read.others:
                continue
            taken.append(at)
            fact = condition(sentence, at, role="comorbidity", words=text[at[0] : at[1]], rule="disease-by-form")
            yield msgspec.structs.replace(fact, confidence=_CONFIDENCE)


def _is_disease(words: str) -> bool:
    if not words or len(words.split()) > _LONGEST or _pattern("not_head").search(words):
        return False
    return any(head.end() == len(words) for head in _pattern("head").finditer(words))


@cache
def _pattern(name: str) -> Pattern:
    return compiled(lexicon("diseases").pattern(name))
