"""What is denied: looked for or thought of, and not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_service.extraction import context
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.finding_facts import LEADING, fact, of_others, trimmed
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.normality import subject_start
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timepoints import Operations
from fhir_service.reports.case_report import ObservationFact

_COORDINATOR = compiled(r",\s(?:(?:and|or|nor)\s)?|\s(?:and|or|nor)\s", re.IGNORECASE)
_OF = compiled(r"\sof\s(?:the\s|any\s|bone\s)?[\w-]+(?:\s(?:cord|root|nerve|body|wall|canal|failure))?", re.IGNORECASE)
_PRONOUN = compiled(r"\b(?:she|he|it|they|we|patient|who|this|there)\b", re.IGNORECASE)
_STATES = frozenset({"symptom-free", "inability", "ability", "restored", "removed"})
_WITHOUT_EFFECT = compiled(
    r"\b(?:alter|improv|reliev|chang|affect|influenc|reduc|help|eas|cur|stop)\w*\s(?:neither|not)\b", re.IGNORECASE
)
"""`altered neither the pain nor ...` says that the pain was there and stayed."""
_DENIES = compiled(
    r"\b(?:denie[sd]|denying)\s(?P<what>[^.;,()]{5,80}?)(?=\s(?:but|and\s(?:had|was|she|he))\b|[.;,()]|$)",
    re.IGNORECASE,
)


def denied(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    """The findings a sentence denies, each with the words that name it; and whatever the patient denies."""
    text = sentence.text
    taken: list[tuple[int, int]] = []
    for trigger, (start, end) in context.denials(sentence):
        if _WITHOUT_EFFECT.search(text[: trigger[1]]):
            continue
        hits = [
            hit for hit in lexicon("findings").find(text[start:end]) if not hit.term["seen"] or hit.code not in _STATES
        ]
        for hit in hits:
            at = (start + hit.start, start + hit.end)
            if any(a < at[1] and at[0] < b for a, b in taken):
                continue
            read = context.read(sentence, *at)
            if not read.negated or read.trigger != trigger or read.family or of_others(sentence, read):
                continue
            first = _phrase_start(text, start, at[0])
            last = _phrase_end(text, at[1], end)
            taken.append((first, last))
            words = hit.term["text"] or trimmed(text[first:last])
            if hit.term["subject"]:
                words = f"{_noun_before(text, trigger[0])} {words}".strip()
            at = (min(trigger[0], first), max(trigger[1], last))
            yield fact(sentence, at, operations, words=words, head=(first, last), rule="denied")
    if not taken:
        yield from _patient_denies(sentence, operations)


def _noun_before(text: str, end: int) -> str:
    """The subject of a denied participle ("lumbar motion was not restricted"), no pronoun."""
    subject = trimmed(text[subject_start(text, end) : end])
    return "" if len(subject.split()) > 4 or _PRONOUN.search(subject) else subject


def _patient_denies(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    """Whatever a patient denies is denied, whether we have a word for it or not."""
    for match in _DENIES.finditer(sentence.text):
        words = trimmed(match["what"])
        if words:
            head = match.span("what")
            yield fact(sentence, match.span(), operations, words=words, head=head, rule="patient-denies")


def _phrase_start(text: str, scope: int, head: int) -> int:
    """Where the denied phrase begins: behind the trigger, or behind the last comma or conjunction before its head."""
    start = scope
    for coordinator in _COORDINATOR.finditer(text, scope, head):
        start = coordinator.end()
    while start < head and text[start] in " (":
        start += 1
    leading = LEADING.match(text, start, head)
    if leading:
        start = leading.end()
    if len(text[start:head].split()) > 5:
        start = head
    return start


def _phrase_end(text: str, head: int, scope: int) -> int:
    of = _OF.match(text, head, scope)
    return of.end() if of else head
