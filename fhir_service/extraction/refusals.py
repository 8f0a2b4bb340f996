"""Operations that were offered and refused."""

from __future__ import annotations

import re

from fhir_service.extraction.document import Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Coded, Polarity, ProcedureFact

REFUSED = compiled(r"\b(?:refus|declin|reject|did\snot\s(?:want|consent\sto|agree\sto)|unwilling)\w*", re.IGNORECASE)
_SURGERY = compiled(
    r"\b(?:surgery|operation|surgical\s\w+|reoperation|operated|intervention|decompression)\b", re.IGNORECASE
)
_REACH = 60
"""Characters between the refusal and the operation behind it; in front of it, twice as many."""
_OTHERWISE = compiled(
    r"\b(?:autopsy|post-?\s?mortem|necropsy|transfusion|follow-?up|brace|to\b|consent)", re.IGNORECASE
)
_PAST = compiled(r"\b(?:after|following|since|had)\s(?:[\w-]+\s){0,3}$", re.IGNORECASE)


def refusal(number: int, sentence: Sentence) -> ProcedureFact | None:
    """The operation that a sentence says patient `number` would not have, as not done."""
    found = _refused(sentence.text)
    if found is None:
        return None
    (start, end), operation = found
    span = sentence.span(start, end)
    return ProcedureFact(
        id=f"{number}/revision-refused",
        role="revision",
        kind=Coded(code="other", text=operation, span=(span,)),
        polarity=Polarity.NEGATED,
        refusal=Coded(text=sentence.text[start:end], span=(span,)),
        span=(span,),
        rule="procedures.refused",
    )


def is_inside(fact: ProcedureFact, refused: ProcedureFact) -> bool:
    """Whether the words of an operation are those of the refused one."""
    own, other = fact.span[0], refused.span[0]
    return other.offset <= own.offset and own.offset + own.length <= other.offset + other.length


def _refused(text: str) -> tuple[tuple[int, int], str] | None:
    """Where a text says that an operation was refused, and the operation: "refused surgery", "a second kyphoplasty was
    offered, which she declined"."""
    refused = REFUSED.search(text)
    if refused is None:
        return None
    named = [(m.start(), m.end()) for m in _SURGERY.finditer(text)]
    named += [(hit.start, hit.end) for hit in lexicon("procedures").find(text) if hit.term["group"] != "minor"]
    behind = [at for at in named if 0 <= at[0] - refused.end() < _REACH]
    if behind:
        at = min(behind)
        return (refused.start(), at[1]), text[slice(*at)]
    before = [at for at in named if 0 <= refused.start() - at[1] < 2 * _REACH]
    if not before or _OTHERWISE.search(text, refused.start()) or _PAST.search(text, 0, max(before)[0]):
        return None
    at = max(before)
    return (at[0], refused.end()), text[slice(*at)]
