"""A finding as a fact: its words, how and when it was seen, on which side."""

from __future__ import annotations

import re
from functools import cache

from fhir_service.extraction import context
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import Coded, ObservationFact, Polarity, RelativeTime

LEADING = compiled(
    r"(?:(?:any|a|an|the|further|other|another|either|such|more|evidence\sof|signs?\sof|episodes?\sof|indication\sof|having|had|has|history\sof|that|was|were|ever|also|is|are|been|and|or|nor|all|both|causing|developing|showing|experiencing|suffering|requiring|having|given|receiving|there|time|her|his|their)\s)+",
    re.IGNORECASE,
)


def trimmed(words: str) -> str:
    """The words of a finding without the little words before it."""
    words = words.strip()
    leading = LEADING.match(words)
    return words[leading.end() if leading else 0 :].strip(" ,.")


def of_others(sentence: Sentence, read: context.Context) -> bool:
    """Whether a sentence outside the case section speaks of other patients."""
    return read.others and sentence.section is not Section.CASE


def fact(
    sentence: Sentence, at: tuple[int, int], operations: Operations, *, words: str, head: tuple[int, int], rule: str
) -> ObservationFact:
    """A denied finding stated at `at`, its own words at `head`."""
    return ObservationFact(
        id="",
        kind=Coded(code="finding", text=words),
        polarity=Polarity.NEGATED,
        method=_method(sentence, head[0]),
        side=_side(sentence.text, head),
        time=_time(sentence, head, operations),
        span=(sentence.span(*at),),
        rule=f"findings.{rule}",
    )


def _time(sentence: Sentence, head: tuple[int, int], operations: Operations) -> RelativeTime | None:
    points = timepoints(sentence)
    return relative_time(sentence, points[0] if len(points) == 1 else None, operations, head[0])


@cache
def _modality() -> Pattern:
    return compiled(lexicon("findings").pattern("modality"))


def _method(sentence: Sentence, before: int) -> Coded | None:
    """The modality named last before the finding."""
    named = list(_modality().finditer(sentence.text, 0, before))
    return Coded(text=named[-1][0], span=(sentence.span(*named[-1].span()),)) if named else None


def _side(text: str, head: tuple[int, int]) -> Coded | None:
    """A side named within the words of the finding."""
    sides = [hit for hit in lexicon("sites").find(text[slice(*head)]) if hit.term["kind"] == "side"]
    return Coded(code=sides[0].code) if len(sides) == 1 else None
