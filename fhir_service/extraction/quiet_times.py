"""Times that tell of no harm: when the patient was well, or somebody did something."""

from __future__ import annotations

from fhir_service.extraction import context
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.times import Anchor, TimeMention
from fhir_service.reports.case_report import Polarity, Relation

_CLAUSE = compiled(
    r"[;:]|\.\s|,?\s(?:but|until|before|when|whereupon)\b|,\s(?:and\s)?(?:then|he|she|the\spatient)\b|,\sand\s|\sand\s(?:then|he|she|was|were)\b|,\swhich\b"
)
_NOT_SO = compiled(r"\b(?:not|never|hardly|barely|scarcely|nor|without)\s(?:[a-z]+\s)?$")
_RIGHT_BESIDE = 3
"""Words between "immediately" and what was done."""


def clause_of(text: str, position: int) -> tuple[int, int]:
    """Where the clause around a position begins and ends."""
    start, end = 0, len(text)
    for joint in _CLAUSE.finditer(text):
        if joint.end() <= position:
            start = joint.end()
        elif joint.start() >= position:
            end = joint.start()
            break
    return start, end


def is_quiet(sentence: Sentence, time: TimeMention) -> bool:
    """Whether the clause of a time says that the patient was well, or left, and names no complaint and no harm."""
    text = sentence.text
    start, end = clause_of(text, time.end)
    if time.relation is Relation.BEFORE or not any(
        hit.code == "well" and start <= hit.start < end and not _NOT_SO.search(text, start, hit.start)
        for hit in lexicon("quiet-times").find_all(text)
    ):
        return False
    return not any(
        hit.term.code not in ("better", "finding", "fracture", "cement", "embolus")
        and start <= hit.start < end
        and context.polarity(sentence, hit.start, hit.end) is Polarity.AFFIRMED
        and not _is_over(text, hit.end, end)
        for name in ("presentation", "complications")
        for hit in lexicon(name).find_all(text)
    )


def _is_over(text: str, start: int, end: int) -> bool:
    """Whether what is named before `start` is said to be better or gone in the same clause."""
    return any(hit.code == "better" and start <= hit.start < end for hit in lexicon("presentation").find_all(text))


def is_of_action(text: str, time: TimeMention) -> bool:
    """ "Immediately taken to theatre", "was stopped at once": the time is that of what was done."""
    if not time.at_once or time.anchor is not Anchor.PREVIOUS:
        return False
    return any(
        hit.code == "action"
        and (
            (hit.start >= time.end and len(text[time.end : hit.start].split()) < _RIGHT_BESIDE)
            or (hit.end <= time.start and not text[hit.end : time.start].strip())
        )
        for hit in lexicon("quiet-times").find_all(text)
    )


def is_of_leaving(text: str, time: TimeMention) -> bool:
    """ "Discharged on day 2": the time is that at which the patient left."""
    return any(
        hit.code == "leaving" and hit.end <= time.start and not text[hit.end : time.start].strip()
        for hit in lexicon("quiet-times").find_all(text)
    )
