"""What was found and what was denied: imaging, examination, function, course.

A denial is a finding that was looked for or thought of and was not there ("no cement leakage", "neither failure nor
fracture", "bladder function remained normal"). Only the words of `mappings/lexicons/findings.toml` make a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.binding import bind_to
from fhir_service.extraction.denials import denied
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.everyone import about_everyone
from fhir_service.extraction.finding_facts import fact, of_others
from fhir_service.extraction.levels import level_facts
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.normality import normal, preserved
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timepoints import Operations
from fhir_service.reports.case_report import ObservationFact, Polarity, ProcedureFact, Relation

_OF_THE_OPERATION = compiled(r"\b(?:leak|extravasat|violation|perforat|dural tear|injury)", re.IGNORECASE)
_CONDITIONAL = compiled(
    r"\b(?:where|if|when|whenever|in\scases?\sof)\b[^.]*\b(?:may|can|could|should|must|might)\b", re.IGNORECASE
)


def read(
    document: Document, sentences: Sequence[Sentence], case_number: int, procedures: Sequence[ProcedureFact]
) -> tuple[ObservationFact, ...]:
    """The findings that a patient's sentences affirm or deny, each once, with every place that states it."""
    operations = Operations(procedures, sentences)
    found: list[ObservationFact] = []
    everyone = [s for s in about_everyone(document, case_number) if all(s is not own for own in sentences)]
    for sentence in (*sentences, *everyone):
        if sentence.section in (Section.TITLE, Section.REFERENCES) or not context.is_prose(sentence):
            continue
        if sentence.section is not Section.TABLE and general(sentence.text):
            continue
        found += denied(sentence, operations)
        found += normal(sentence, operations)
        found += preserved(sentence, operations)
        found += _seen(sentence, operations)
    return _numbered(_merged(_possible(finding) for finding in found), case_number)


def _possible(finding: ObservationFact) -> ObservationFact:
    """No cement can leak, and no needle stray, before the operation: a denial of that has no such time."""
    before = finding.time is not None and finding.time.relation is Relation.BEFORE
    if before and finding.polarity is Polarity.NEGATED and _OF_THE_OPERATION.search(finding.kind.text or ""):
        return msgspec.structs.replace(finding, time=None)
    return finding


def _affirmable(text: str) -> list[Hit]:
    """Leftmost longest words that are a finding where they are affirmed."""
    chosen: list[Hit] = []
    for hit in lexicon("findings").find_all(text):
        if hit.term["seen"] and (not chosen or hit.start >= chosen[-1].end):
            chosen.append(hit)
    return chosen


def _seen(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    text = sentence.text
    hits = _affirmable(text)
    if not hits or (sentence.section is not Section.CASE and _CONDITIONAL.search(text)):
        return
    heads = [*hits, *lexicon("procedures").find(text)]
    heads += [
        h for h in lexicon("complications").find(text) if not any(h.start < x.end and x.start < h.end for x in hits)
    ]
    bound = bind_to(text, heads)
    for hit in hits:
        if hit.code == "none":
            continue
        read = context.read(sentence, hit.start, hit.end)
        affirmed = read.polarity is Polarity.AFFIRMED or (
            hit.code in ("inability", "symptom-free") and not read.mentioned
        )
        if not affirmed or read.family or read.historical or of_others(sentence, read):
            continue
        at = (hit.start, hit.end)
        told = fact(sentence, at, operations, words=text[slice(*at)], head=at, rule="seen")
        levels = level_facts(sentence, bound.of(*at), "findings.level")
        yield msgspec.structs.replace(told, polarity=Polarity.AFFIRMED, level=levels)


def _merged(facts: Iterable[ObservationFact]) -> list[ObservationFact]:
    """The same finding in the same words, affirmed or denied alike, is one finding with every span."""
    kept: dict[tuple[str, Polarity, object], ObservationFact] = {}
    for finding in facts:
        key = ((finding.kind.text or "").lower(), finding.polarity, tuple(level.code for level in finding.level))
        known = kept.get(key)
        if known is None:
            kept[key] = finding
        elif finding.span[0] not in known.span:
            kept[key] = msgspec.structs.replace(
                known,
                span=(*known.span, *finding.span),
                method=known.method or finding.method,
                time=known.time or finding.time,
            )
    return list(kept.values())


def _numbered(facts: Iterable[ObservationFact], case_number: int) -> tuple[ObservationFact, ...]:
    return tuple(
        msgspec.structs.replace(finding, id=f"{case_number}/finding-{number}")
        for number, finding in enumerate(facts, 1)
    )
