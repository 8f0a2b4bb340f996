"""Diseases and allergies the patient had before: as history, in the introduction of the person, or of long standing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.condition_facts import condition
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.timepoints import Operations
from fhir_service.reports.case_report import Coded, ConditionFact, Polarity

_MANY_OF = (
    r"(?:(?:so\s)?(?:many|several|various|multiple|lots\sof|a\slot\sof|all\skinds\sof|certain|some)\s"
    r"(?:things|substances)?[,:]?\s?(?:such\sas\s|including\s)?)?"
)
_ALLERGEN = rf"{_MANY_OF}(?P<{{}}>[a-z][\w-]*)"
_ALLERGIC = compiled(
    rf"\ballerg(?:ic|y|ies)\s(?:to\s)?{_ALLERGEN.format('first')}"
    rf"(?:(?:,\s|\s(?:and|or)\s){_ALLERGEN.format('second')})?(?:(?:,\s|,?\s(?:and|or)\s){_ALLERGEN.format('third')})?",
    re.IGNORECASE,
)
_NOT_ALLERGEN = compiled(r"\b(?:reaction|rhinitis|history|was|is|and|so|were)\b", re.IGNORECASE)
_AFTER_PERSON = compiled(
    r"(?:\s\([^)]*\))?,?\s(?:with|having|who\s(?:had|has|suffered\sfrom|was\ssuffering\sfrom|once\shad)|suffering\sfrom|known\s(?:for|to\shave)|affected\sby|was\sknown\sto\shave)\b",
    re.IGNORECASE,
)
_HISTORY_CUE = compiled(
    r"\b(?:underlying|known|comorbid\w*|co-morbid\w*|concomitant|co-?existing|pre-?existing|medical\shistory|history|diagnosed\swith|previous\sdiagnosis|prior\sdiagnosis|diagnos[ei]s\sof|(?:had|has)\sbeen\s(?:treated|diagnosed|receiving)|on\s(?:treatment|medication)\sfor|treated\sfor|suffer(?:s|ed|ing)\sfrom|once\shad|taking\s\w+\sfor)\b",
    re.IGNORECASE,
)
_CUE_REACH = 160
_WAS = compiled(r"\b(?:was|were)\b|:")
_NEW_EVENT = compiled(r"[.;]|\b(?:presented|came|underwent|developed|visited|complained|admitted)\b", re.IGNORECASE)
_DENIAL = compiled(
    r"\b(?:den(?:y|ies|ied|ying)|no|not|never|without)\b[^,;.]*\b(?:treat\w*|medicat\w*|therapy|drugs?)\b[^,;.]*$",
    re.IGNORECASE,
)


def diseases(sentence: Sentence, operations: Operations) -> Iterator[ConditionFact]:
    """The comorbidities a sentence gives to the patient; denied ones are refuted, cured ones resolved."""
    text = sentence.text
    for hit in lexicon("conditions").find(text):
        if hit.term["group"] not in ("chronic", "other"):
            continue
        start = _with_modifiers(text, hit.start, "disease_modifier")
        read = context.read(sentence, hit.start, hit.end)
        if read.mentioned or read.unknown or read.family or _is_cause(text, start) or _has_numbers(text, hit.end):
            continue
        if _denied_before(text, hit.start):
            continue
        if read.others and sentence.section not in (Section.CASE, Section.COMMENT):
            continue
        before_index = not operations.told(operations.index, sentence, hit.start)
        introduced = read.historical or read.resolved or _introduced(text, start)
        cued = introduced or (before_index and _cued(text, start))
        if not (cued or (hit.term["group"] == "chronic" and before_index and sentence.section is Section.CASE)):
            continue
        fact = condition(
            sentence,
            (start, hit.end),
            role="comorbidity",
            words=_words(text[start : hit.end]),
            rule="history" if read.historical else "disease",
        )
        cured = read.resolved or text[start : hit.start].lower().startswith(("cured", "healed"))
        status = Coded(code="resolved") if cured else None
        yield msgspec.structs.replace(fact, polarity=_polarity(read), clinical_status=status)


def _denied_before(text: str, start: int) -> bool:
    """`denied treatment for osteoporosis` says nothing of osteoporosis itself."""
    return _DENIAL.search(text, max(0, start - 80), start) is not None


def _polarity(read: context.Context) -> Polarity:
    if read.negated:
        return Polarity.NEGATED
    return Polarity.HYPOTHETICAL if read.provisional else Polarity.AFFIRMED


def _words(words: str) -> str:
    return compiled(r"^(?:cured|healed|treated|well controlled)\s", re.IGNORECASE).sub("", words)


@cache
def _class(name: str) -> Pattern:
    return compiled(lexicon("conditions").pattern(name))


def _with_modifiers(text: str, start: int, name: str) -> int:
    """Where the name begins with the modifiers right before it."""
    while True:
        word = compiled(r"(?:\b[\w-]+\s)?\b[\w'-]+\s$").search(text[:start])
        if word is None:
            return start
        for candidate in (word.start(), word.start() + word[0].rstrip().rfind(" ") + 1):
            if _class(name).fullmatch(text[candidate : start - 1]):
                start = candidate
                break
        else:
            return start


def _introduced(text: str, start: int) -> bool:
    """`a man with atrial fibrillation and multiple myeloma`: in the list the person is introduced with."""
    for person in _class("person").finditer(text, 0, start):
        intro = _AFTER_PERSON.match(text, person.end())
        if intro and not _NEW_EVENT.search(text, intro.end(), start) and not _WAS.search(text, intro.end(), start):
            return True
    return False


def _cued(text: str, start: int) -> bool:
    """Words of history that lead the list in which the disease stands."""
    cues = list(_HISTORY_CUE.finditer(text, max(0, start - _CUE_REACH), start))
    return bool(cues) and not _NEW_EVENT.search(text, cues[-1].end(), start)


def _is_cause(text: str, start: int) -> bool:
    """`fracture due to multiple myeloma` names the cause of the fracture."""
    before = text[max(0, start - 24) : start].rstrip()
    return any(match.end() == len(before) for match in _class("cause").finditer(before))


def _has_numbers(text: str, end: int) -> bool:
    """`hypertension (190/90 mm Hg)` was measured, it is no disease of long standing."""
    return compiled(r"\s?\((?:[^()]*?\s)?\d{2,3}").match(text[end:]) is not None


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
