"""Diagnoses of one patient: what the augmentation was for, what else the patient had, felt, and was left with.

Complications are read elsewhere. A fear or a question makes no Condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.indication import indications
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import Coded, ConditionFact, Polarity, ProcedureFact

_MANY_OF = (
    r"(?:(?:so\s)?(?:many|several|various|multiple|lots\sof|a\slot\sof|all\skinds\sof|certain|some)\s"
    r"(?:things|substances)?[,:]?\s?(?:such\sas\s|including\s)?)?"
)
_ALLERGEN = rf"{_MANY_OF}(?P<{{}}>[a-z][\w-]*)"
_ALLERGIC = re.compile(
    rf"\ballerg(?:ic|y|ies)\s(?:to\s)?{_ALLERGEN.format('first')}"
    rf"(?:(?:,\s|\s(?:and|or)\s){_ALLERGEN.format('second')})?(?:(?:,\s|,?\s(?:and|or)\s){_ALLERGEN.format('third')})?",
    re.IGNORECASE,
)
_NOT_ALLERGEN = re.compile(r"\b(?:reaction|rhinitis|history|was|is|and|so|were)\b", re.IGNORECASE)
_AFTER_PERSON = re.compile(
    r"(?:\s\([^)]*\))?,?\s(?:with|having|who\s(?:had|has|suffered\sfrom|was\ssuffering\sfrom|once\shad)|suffering\sfrom|known\s(?:for|to\shave)|affected\sby|was\sknown\sto\shave)\b",
    re.IGNORECASE,
)
_HISTORY_CUE = re.compile(
    r"\b(?:underlying|known|comorbid\w*|co-morbid\w*|concomitant|co-?existing|pre-?existing|medical\shistory|history|diagnosed\swith|previous\sdiagnosis|prior\sdiagnosis|diagnos[ei]s\sof|(?:had|has)\sbeen\s(?:treated|diagnosed|receiving)|on\s(?:treatment|medication)\sfor|treated\sfor|suffer(?:s|ed|ing)\sfrom|once\shad|taking\s\w+\sfor)\b",
    re.IGNORECASE,
)
_CUE_REACH = 160
_WAS = re.compile(r"\b(?:was|were)\b|:")
_NEW_EVENT = re.compile(r"[.;]|\b(?:presented|came|underwent|developed|visited|complained|admitted)\b", re.IGNORECASE)


def read(
    document: Document,  # noqa: ARG001  # the readers of a patient share one signature
    sentences: Sequence[Sentence],
    case_number: int,
    procedures: Sequence[ProcedureFact],
) -> tuple[ConditionFact, ...]:
    """The conditions that a patient's sentences state: indication first, then comorbidities, symptoms, sequelae."""
    operations = Operations(procedures, sentences)
    told = [
        s
        for s in sentences
        if s.section not in (Section.TITLE, Section.REFERENCES) and (s.section is Section.TABLE or not general(s.text))
    ]
    facts = list(indications(told, operations))
    for sentence in told:
        if sentence.section is Section.CAPTION:
            continue
        facts += _felt(sentence, operations)
        if sentence.section is not Section.TABLE:
            facts += _diseases(sentence, operations)
            facts += _allergies(sentence)
    return _numbered(_merged(facts), case_number)


# comorbidities --------------------------------------------------------------------------------------------------------


def _diseases(sentence: Sentence, operations: Operations) -> Iterator[ConditionFact]:
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
        fact = _fact(
            sentence,
            (start, hit.end),
            role="comorbidity",
            words=_words(text[start : hit.end]),
            rule="history" if read.historical else "disease",
        )
        cured = read.resolved or text[start : hit.start].lower().startswith(("cured", "healed"))
        status = Coded(code="resolved") if cured else None
        yield msgspec.structs.replace(fact, polarity=_polarity(read), clinical_status=status)


_DENIAL = re.compile(
    r"\b(?:den(?:y|ies|ied|ying)|no|not|never|without)\b[^,;.]*\b(?:treat\w*|medicat\w*|therapy|drugs?)\b[^,;.]*$",
    re.IGNORECASE,
)


def _denied_before(text: str, start: int) -> bool:
    """`denied treatment for osteoporosis` says nothing of osteoporosis itself."""
    return _DENIAL.search(text, max(0, start - 80), start) is not None


def _polarity(read: context.Context) -> Polarity:
    if read.negated:
        return Polarity.NEGATED
    return Polarity.HYPOTHETICAL if read.provisional else Polarity.AFFIRMED


def _words(words: str) -> str:
    return re.sub(r"^(?:cured|healed|treated|well controlled)\s", "", words, flags=re.IGNORECASE)


@cache
def _class(name: str) -> re.Pattern[str]:
    return re.compile(lexicon("conditions").pattern(name))


def _with_modifiers(text: str, start: int, name: str) -> int:
    """Where the name begins with the modifiers right before it."""
    while True:
        word = re.search(r"(?:\b[\w-]+\s)?\b[\w'-]+\s$", text[:start])
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
    return re.match(r"\s?\((?:[^()]*?\s)?\d{2,3}", text[end:]) is not None


def _allergies(sentence: Sentence) -> Iterator[ConditionFact]:
    for match in _ALLERGIC.finditer(sentence.text):
        allergens = [name for name in match.groups() if name]
        if _NOT_ALLERGEN.match(allergens[0]):
            continue
        named = ", ".join(allergens[:-1]) + (" and " if allergens[1:] else "") + allergens[-1]
        read = context.read(sentence, *match.span())
        if read.polarity is Polarity.AFFIRMED and not read.family:
            yield _fact(sentence, match.span(), role="comorbidity", words=f"allergy to {named}", rule="allergy")


# symptoms and sequelae ------------------------------------------------------------------------------------------------


def _felt(sentence: Sentence, operations: Operations) -> Iterator[ConditionFact]:
    text = sentence.text
    for hit in lexicon("conditions").find(text):
        role = hit.term["group"]
        if role not in ("symptom", "sequela"):
            continue
        read = context.read(sentence, hit.start, hit.end)
        others = read.others and sentence.section not in (Section.CASE, Section.TABLE)
        if read.polarity is not Polarity.AFFIRMED or read.family or others:
            continue
        points = timepoints(sentence)
        fact = _fact(sentence, (hit.start, hit.end), role=role, words=text[hit.start : hit.end], rule=role)
        yield msgspec.structs.replace(
            fact,
            side=_side(text, hit),
            time=relative_time(sentence, points[0] if len(points) == 1 else None, operations, hit.start),
        )


_SIDE_REACH = 25


def _side(text: str, hit: Hit) -> Coded | None:
    """A side inside the words, right before them, or in the limb named right behind them."""
    end = re.compile(r"[,;.]|\sand\s").search(text, hit.end, hit.end + _SIDE_REACH)
    near = text[max(0, hit.start - 7) : end.start() if end else hit.end + _SIDE_REACH]
    sides = {found.code for found in lexicon("sites").find(near) if found.term["kind"] == "side"}
    return Coded(code=sides.pop()) if len(sides) == 1 else None


# facts ----------------------------------------------------------------------------------------------------------------


def _fact(sentence: Sentence, at: tuple[int, int], *, role: str, words: str, rule: str) -> ConditionFact:
    return ConditionFact(
        id="", role=role, kind=Coded(text=words), span=(sentence.span(*at),), rule=f"conditions.{rule}"
    )


def _merged(facts: Iterable[ConditionFact]) -> list[ConditionFact]:
    """One condition a role and name; what was affirmed anywhere is affirmed."""
    kept: dict[tuple[str, str, str | None], ConditionFact] = {}
    for fact in facts:
        key = (fact.role, (fact.kind.text or "").lower(), fact.side.code if fact.side else None)
        known = kept.get(key)
        if known is None:
            kept[key] = fact
            continue
        kept[key] = msgspec.structs.replace(
            known,
            span=tuple(dict.fromkeys((*known.span, *fact.span))),
            polarity=Polarity.AFFIRMED if Polarity.AFFIRMED in (known.polarity, fact.polarity) else known.polarity,
            clinical_status=known.clinical_status or fact.clinical_status,
        )
    return _without_shorter_names(list(kept.values()))


def _without_shorter_names(facts: list[ConditionFact]) -> list[ConditionFact]:
    """A comorbidity named shortly after it was named in full is the same one."""
    out: list[ConditionFact] = []
    for fact in sorted(facts, key=lambda f: f.role == "comorbidity" and -len((f.kind.text or "").split())):
        words = set((fact.kind.text or "").lower().split())
        place = next(
            (
                i
                for i, known in enumerate(out)
                if fact.role == known.role == "comorbidity" and words <= set((known.kind.text or "").lower().split())
            ),
            None,
        )
        if place is None:
            out.append(fact)
        else:
            out[place] = msgspec.structs.replace(out[place], span=(*out[place].span, *fact.span))
    order = {id(fact): number for number, fact in enumerate(facts)}
    return sorted(
        out,
        key=lambda f: order.get(id(f), next(n for n, x in enumerate(facts) if x.kind == f.kind and x.role == f.role)),
    )


def _numbered(facts: Iterable[ConditionFact], case_number: int) -> tuple[ConditionFact, ...]:
    counts: dict[str, int] = {}
    out = []
    for fact in facts:
        counts[fact.role] = counts.get(fact.role, 0) + 1
        out.append(msgspec.structs.replace(fact, id=f"{case_number}/{fact.role}-{counts[fact.role]}"))
    return tuple(out)
