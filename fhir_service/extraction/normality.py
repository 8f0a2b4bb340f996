"""What is said to be normal: the abnormality it might have shown is denied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from fhir_service.extraction import context
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.finding_facts import fact, of_others, trimmed
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.timepoints import Operations
from fhir_service.reports.case_report import ObservationFact, Polarity

_NORMAL = compiled(
    r"\b(?:(?:was|were|is|are|remained|stayed|appeared|proved|being|found)\s(?:all\s|both\s|also\s|entirely\s|completely\s|otherwise\s|quite\s|to\sbe\s|still\s|again\s)*"
    r"(?P<state>normal|unremarkable|intact|preserved|unaffected|within\s(?:the\s)?normal\s(?:limits?|range)|negative|clear|undisturbed|unimpaired|uneventful)|(?:gave|showed|had|yielded)\s(?P<gave>normal|negative|unremarkable)\s(?:results?|findings?|values?)|(?P<worked>(?:worked|functioned)\snormally))\b",
    re.IGNORECASE,
)
_RULED_OUT = compiled(
    r"\b(?:to|in\sorder\sto)\s(?:rule\sout|exclude)\s(?:an?\s|any\s|the\s)?(?P<what>(?:[\w-]+\s?){1,4}?)(?=\s?(?:was|were|gave|proved|had|,|\())",
    re.IGNORECASE,
)
_SUBJECT_START = compiled(
    r"(?:^|[;:.]\s|,\s(?:but|and|while)\s|\bbut\s|\bthat\s|\bwhile\s|\bwhereas\s|\band\s(?=her\s|his\s|the\s)|\balthough\s)",
    re.IGNORECASE,
)
_NEW_SUBJECT = compiled(r",?\sand\s(?=\S)|,\s")
_VERB = compiled(r"\b(?:was|were|is|are|had|has|showed|revealed|remained|detected|found|noted|did)\b", re.IGNORECASE)
_PRESERVED = compiled(r"\b(?P<state>preserved|intact|normal)\s(?P<what>(?:[\w-]+\s){0,2}?[\w-]+)\b", re.IGNORECASE)


@cache
def _subject() -> Pattern:
    return compiled(lexicon("findings").pattern("subject"))


def normal(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    """`Bladder function remained normal` denies an abnormal one; normal tests to exclude X deny X."""
    text = sentence.text
    for match in _NORMAL.finditer(text):
        excluded = list(_RULED_OUT.finditer(text, 0, match.end()))
        if excluded:
            at, head = (excluded[-1].start(), match.end()), excluded[-1].span("what")
            yield fact(sentence, at, operations, words=trimmed(excluded[-1]["what"]), head=head, rule="excluded")
            continue
        start = subject_start(text, match.start())
        subject = text[start : match.start()].strip(" ,")
        if not subject or len(subject.split()) > 12 or not _subject().search(subject):
            continue
        read = context.read(sentence, match.start(), match.end())
        if read.polarity is not Polarity.AFFIRMED or of_others(sentence, read):
            continue
        state = (match["state"] or match["gave"] or match["worked"]).lower()
        words = f"{'positive' if state == 'negative' else 'abnormal'} {trimmed(subject)}"
        at = (start, match.end())
        yield fact(sentence, at, operations, words=words, head=at, rule="normal")


def preserved(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    """`Preserved anal tone`, `intact sensation`."""
    text = sentence.text
    for match in _PRESERVED.finditer(text):
        named = _subject().search(match["what"])
        if compiled(r"\bwithin\s(?:the\s)?$").search(text, 0, match.start()):
            continue
        if named is None or context.polarity(sentence, *match.span()) is not Polarity.AFFIRMED:
            continue
        at = (match.start(), match.start("what") + named.end())
        words = f"abnormal {text[match.start('what') : at[1]]}"
        yield fact(sentence, at, operations, words=words, head=at, rule="preserved")


def subject_start(text: str, end: int) -> int:
    start = 0
    for match in _SUBJECT_START.finditer(text, 0, end):
        start = match.end() if match.end() < end else start
    for match in _NEW_SUBJECT.finditer(text, start, end):
        if _VERB.search(text, start, match.start()):
            start = match.end()
    return start
