"""Diseases and allergies the patient had before: as history, in the introduction of the person, or of long standing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.condition_facts import condition
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.histories import ANYWHERE, BEFORE, HAS, cued, introduced
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.timepoints import Operations
from fhir_service.extraction.unnamed_diseases import unnamed_diseases
from fhir_service.reports.case_report import Coded, ConditionFact, Polarity

_MANY_OF = (
    r"(?:(?:so\s)?(?:many|several|various|multiple|lots\sof|a\slot\sof|all\skinds\sof|certain|some)\s"
    r"(?:things|substances)?[,:]?\s?(?:such\sas\s|including\s)?)?"
)
_ALLERGEN = rf"{_MANY_OF}(?P<{{}}>[a-z][\w-]*)"
_ALLERGIC = compiled(
    rf"\ballerg(?:ic(?:\sto)?|(?:y|ies)\s(?:to|against))\s{_ALLERGEN.format('first')}"
    rf"(?:(?:,\s|\s(?:and|or)\s){_ALLERGEN.format('second')})?(?:(?:,\s|,?\s(?:and|or)\s){_ALLERGEN.format('third')})?",
    re.IGNORECASE,
)
_NOT_ALLERGEN = compiled(
    r"\b(?:reaction|rhinitis|dermatitis|asthma|contact|skin|response|shock|cause|origin|event|history|was|is|and|so|were|be|show|develop|occur|appear|itself|any|bone|cement|the|this|it|its|methyl\w*|poly\w*|pmma|acryl\w*)\b",
    re.IGNORECASE,
)
"""What the augmentation itself brings, and verbs ("one expects allergy to show at once")."""
_CAUSE_REACH = 80
_FRESH_REACH = 24
_AFTER_OPERATION = compiled(
    r"(?:,?\s(?:and|or)\s[\w\s-]{3,40}?)?\s(?:after|following|during)\s(?:the\s|her\s|his\s|a\s)?(?:[\w-]+\s){0,2}?"
    r"(?:vertebroplasty|kyphoplasty|procedure|operation|surgery|augmentation|intervention|injection)\b",
    re.IGNORECASE,
)
_DENIAL = compiled(
    r"\b(?:den(?:y|ies|ied|ying)|no|not|never|without)\b[^,;.]*\b(?:treat\w*|medicat\w*|therapy|drugs?)\b[^,;.]*$"
    r"|\bnon[\s-]$",
    re.IGNORECASE,
)


def diseases(sentence: Sentence, operations: Operations) -> Iterator[ConditionFact]:
    """The comorbidities a sentence gives to the patient; denied ones are refuted, cured ones resolved."""
    text = sentence.text
    named: list[tuple[int, int]] = []
    for hit in lexicon("diseases").find(text):
        start = _with_modifiers(text, hit.start)
        named.append((start, hit.end))
        fact = _disease(sentence, hit, start, operations)
        if fact is not None:
            yield fact
    yield from unnamed_diseases(sentence, named)


def _disease(sentence: Sentence, hit: Hit, start: int, operations: Operations) -> ConditionFact | None:
    text = sentence.text
    read = context.read(sentence, hit.start, hit.end)
    if read.mentioned or read.unknown or read.family or _is_cause(text, start) or _has_numbers(text, hit.end):
        return None
    if _denied_before(text, hit.start) or _is_fresh(text, start, hit.end):
        return None
    if read.others and sentence.section not in (Section.CASE, Section.COMMENT):
        return None
    before_index = not operations.told(operations.index, sentence, hit.start)
    historical = read.historical or read.resolved
    event = hit.term["group"] == "event"
    told = historical or (introduced(text, start, hit.end) and not event)
    after = HAS if hit.term["lifelong"] else ANYWHERE
    told = told or cued(text, start, hit.end, BEFORE if before_index and not event else after)
    standing = hit.term["group"] in ("chronic", "person") and before_index and sentence.section is Section.CASE
    if not (told or standing):
        return None
    fact = condition(
        sentence,
        (start, hit.end),
        role="comorbidity",
        words=hit.term["text"] or _words(text[start : hit.end]),
        rule="history" if historical else "disease" if told else "standing-disease",
    )
    cured = read.resolved or text[start : hit.start].lower().startswith(("cured", "healed"))
    status = Coded(code="resolved") if cured else None
    return msgspec.structs.replace(fact, polarity=_polarity(read), clinical_status=status)


def _denied_before(text: str, start: int) -> bool:
    """`denied treatment for osteoporosis` says nothing of osteoporosis itself; `non-diabetic` says that it is none."""
    return _DENIAL.search(text, max(0, start - 80), start) is not None


def _polarity(read: context.Context) -> Polarity:
    if read.negated:
        return Polarity.NEGATED
    return Polarity.HYPOTHETICAL if read.provisional else Polarity.AFFIRMED


def _words(words: str) -> str:
    return compiled(r"^(?:cured|healed|treated|well controlled)\s", re.IGNORECASE).sub("", words)


@cache
def _class(name: str) -> Pattern:
    return compiled(lexicon("diseases").pattern(name))


def _with_modifiers(text: str, start: int) -> int:
    """Where the name begins with the modifiers right before it."""
    while True:
        word = compiled(r"(?:\b[\w-]+\s)?\b[\w'-]+\s$").search(text[:start])
        if word is None:
            return start
        for candidate in (word.start(), word.start() + word[0].rstrip().rfind(" ") + 1):
            if _class("modifier").fullmatch(text[candidate : start - 1]):
                start = candidate
                break
        else:
            return start


def _is_cause(text: str, start: int) -> bool:
    """`fracture due to multiple myeloma` names the cause of the fracture; `methotrexate because of psoriasis` does
    not."""
    before = text[max(0, start - _CAUSE_REACH) : start].rstrip()
    cause = next((match for match in _class("cause").finditer(before) if match.end() == len(before)), None)
    return cause is not None and _class("effect").search(before, 0, cause.end()) is not None


def _is_fresh(text: str, start: int, end: int) -> bool:
    """`acute renal failure`, `heart failure after vertebroplasty`: not what was there before."""
    before = text[max(0, start - _FRESH_REACH) : start].rstrip()
    begun = any(match.end() == len(before) for match in _class("fresh").finditer(before))
    return begun or _AFTER_OPERATION.match(text, end) is not None


def _has_numbers(text: str, end: int) -> bool:
    """`hypertension (190/90 mm Hg)` was measured, it is no disease of long standing."""
    return compiled(r"\s?\((?:[^()]*?\s)?\d{2,3}\s?(?:/|mm)").match(text[end:]) is not None


def allergies(sentence: Sentence) -> Iterator[ConditionFact]:
    """What the patient is allergic to."""
    for match in _ALLERGIC.finditer(sentence.text):
        allergens = [name for name in match.groups() if name]
        if _NOT_ALLERGEN.match(allergens[0]):
            continue
        named = ", ".join(allergens[:-1]) + (" and " if allergens[1:] else "") + allergens[-1]
        read = context.read(sentence, *match.span())
        if read.polarity is Polarity.AFFIRMED and not read.family:
            yield condition(sentence, match.span(), role="comorbidity", words=f"allergy to {named}", rule="allergy")
