"""What was found and what was denied: imaging, examination, function, course.

A denial is a finding that was looked for or thought of and was not there ("no cement leakage", "neither failure nor
fracture", "bladder function remained normal"). Only the words of `mappings/lexicons/findings.toml` make a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.binding import bind_to
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.levels import level_facts
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.numbers import WORD_NUMBER, number_of
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import Coded, ObservationFact, Polarity, ProcedureFact, RelativeTime

_LEADING = re.compile(
    r"(?:(?:any|a|an|the|further|other|another|either|such|more|evidence\sof|signs?\sof|episodes?\sof|indication\sof|having|had|has|history\sof|that|was|were|ever|also|is|are|been|and|or|nor|all|both|causing|developing|showing|experiencing|suffering|requiring|having|given|receiving|there|time|her|his|their)\s)+",
    re.IGNORECASE,
)
_COORDINATOR = re.compile(r",\s(?:(?:and|or|nor)\s)?|\s(?:and|or|nor)\s", re.IGNORECASE)
_OF = re.compile(
    r"\sof\s(?:the\s|any\s|bone\s)?[\w-]+(?:\s(?:cord|root|nerve|body|wall|canal|failure))?", re.IGNORECASE
)
_NORMAL = re.compile(
    r"\b(?:(?:was|were|is|are|remained|stayed|appeared|proved|being|found)\s(?:all\s|both\s|also\s|entirely\s|completely\s|otherwise\s|quite\s|to\sbe\s|still\s|again\s)*"
    r"(?P<state>normal|unremarkable|intact|preserved|unaffected|within\s(?:the\s)?normal\s(?:limits?|range)|negative|clear|undisturbed|unimpaired|uneventful)|(?:gave|showed|had|yielded)\s(?P<gave>normal|negative|unremarkable)\s(?:results?|findings?|values?)|(?P<worked>(?:worked|functioned)\snormally))\b",
    re.IGNORECASE,
)
_RULED_OUT = re.compile(
    r"\b(?:to|in\sorder\sto)\s(?:rule\sout|exclude)\s(?:an?\s|any\s|the\s)?(?P<what>(?:[\w-]+\s?){1,4}?)(?=\s?(?:was|were|gave|proved|had|,|\())",
    re.IGNORECASE,
)
_SUBJECT_START = re.compile(
    r"(?:^|[;:.]\s|,\s(?:but|and|while)\s|\bbut\s|\bthat\s|\bwhile\s|\bwhereas\s|\band\s(?=her\s|his\s|the\s)|\balthough\s)",
    re.IGNORECASE,
)

_NEW_SUBJECT = re.compile(r",?\sand\s(?=\S)|,\s")
_VERB = re.compile(r"\b(?:was|were|is|are|had|has|showed|revealed|remained|detected|found|noted|did)\b", re.IGNORECASE)


def read(
    document: Document, sentences: Sequence[Sentence], case_number: int, procedures: Sequence[ProcedureFact]
) -> tuple[ObservationFact, ...]:
    """The findings that a patient's sentences affirm or deny, each once, with every place that states it."""
    operations = Operations(procedures, sentences)
    found: list[ObservationFact] = []
    everyone = [s for s in about_everyone(document, case_number) if all(s is not own for own in sentences)]
    for sentence in (*sentences, *everyone):
        if sentence.section in (Section.TITLE, Section.REFERENCES):
            continue
        if sentence.section is not Section.TABLE and general(sentence.text):
            continue
        denied = list(_denied(sentence, operations))
        found += denied
        found += _normal(sentence, operations)
        found += _preserved(sentence, operations)
        found += _seen(sentence, operations)
    return _numbered(_merged(found), case_number)


# of every patient -----------------------------------------------------------------------------------------------------

_ALL = re.compile(
    rf"\ball\s(?:of\s)?(?:the\s|our\s|these\s)?(?P<n>{WORD_NUMBER}|\d{{1,2}})\s(?:patients|cases)\b", re.IGNORECASE
)
_SINGLE = re.compile(r"\b(?:she|he|her|his|one|another|(?:the|this|our)\s(?:\w+\s)?(?:patient|case))\b", re.IGNORECASE)


@lru_cache(maxsize=8)
def _everyone(document: Document) -> tuple[tuple[int, Sentence], ...]:
    """(number of patients, sentence) for the denials of an abstract that speaks of all its patients together."""
    counts: dict[int, int] = {}
    found = []
    for sentence in document.of(Section.ABSTRACT):
        for match in _ALL.finditer(sentence.text):
            counts[sentence.paragraph] = int(number_of(match["n"]))
        count = counts.get(sentence.paragraph)
        if count and not _SINGLE.search(sentence.text) and context.denials(sentence):
            found.append((count, sentence))
    return tuple(found)


def about_everyone(document: Document, case_number: int) -> tuple[Sentence, ...]:
    """Denials that the abstract of a case series makes for all patients, so for this one too."""
    return tuple(sentence for count, sentence in _everyone(document) if 1 < count >= case_number)


# denied ---------------------------------------------------------------------------------------------------------------


def _denied(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    text = sentence.text
    taken: list[tuple[int, int]] = []
    for trigger, (start, end) in context.denials(sentence):
        hits = [
            hit for hit in lexicon("findings").find(text[start:end]) if not hit.term["seen"] or hit.code not in _STATES
        ]
        for hit in hits:
            at = (start + hit.start, start + hit.end)
            if any(a < at[1] and at[0] < b for a, b in taken):
                continue
            read = context.read(sentence, *at)
            if not read.negated or read.trigger != trigger or read.family or _of_others(sentence, read):
                continue
            first = _phrase_start(text, start, at[0])
            last = _phrase_end(text, at[1], end)
            taken.append((first, last))
            words = hit.term["text"] or _cut(text[first:last])
            if hit.term["subject"]:
                words = f"{_noun_before(text, trigger[0])} {words}".strip()
            at = (min(trigger[0], first), max(trigger[1], last))
            yield _fact(sentence, at, operations, words=words, head=(first, last), rule="denied")
    if not taken:
        yield from _patient_denies(sentence, operations)


def _noun_before(text: str, end: int) -> str:
    """The subject of a denied participle ("lumbar motion was not restricted"), no pronoun."""
    subject = _cut(text[_subject_start(text, end) : end])
    return "" if len(subject.split()) > 4 or _PRONOUN.search(subject) else subject


_PRONOUN = re.compile(r"\b(?:she|he|it|they|we|patient|who|this|there)\b", re.IGNORECASE)
_STATES = frozenset({"symptom-free", "inability", "ability", "restored", "removed"})
_DENIES = re.compile(
    r"\b(?:denie[sd]|denying)\s(?P<what>[^.;,()]{5,80}?)(?=\s(?:but|and\s(?:had|was|she|he))\b|[.;,()]|$)",
    re.IGNORECASE,
)


def _patient_denies(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    """Whatever a patient denies is denied, whether we have a word for it or not."""
    for match in _DENIES.finditer(sentence.text):
        words = _cut(match["what"])
        if words:
            head = match.span("what")
            yield _fact(sentence, match.span(), operations, words=words, head=head, rule="patient-denies")


def _phrase_start(text: str, scope: int, head: int) -> int:
    """Where the denied phrase begins: behind the trigger, or behind the last comma or conjunction before its head."""
    start = scope
    for coordinator in _COORDINATOR.finditer(text, scope, head):
        start = coordinator.end()
    while start < head and text[start] in " (":
        start += 1
    leading = _LEADING.match(text, start, head)
    if leading:
        start = leading.end()
    if len(text[start:head].split()) > 5:
        start = head
    return start


def _phrase_end(text: str, head: int, scope: int) -> int:
    of = _OF.match(text, head, scope)
    return of.end() if of else head


def _cut(words: str) -> str:
    words = words.strip()
    leading = _LEADING.match(words)
    return words[leading.end() if leading else 0 :].strip(" ,.")


def _of_others(sentence: Sentence, read: context.Context) -> bool:
    return read.others and sentence.section is not Section.CASE


# normal ---------------------------------------------------------------------------------------------------------------


@cache
def _subject() -> re.Pattern[str]:
    return re.compile(lexicon("findings").pattern("subject"))


def _normal(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    """`Bladder function remained normal` denies an abnormal one; normal tests to exclude X deny X."""
    text = sentence.text
    for match in _NORMAL.finditer(text):
        excluded = list(_RULED_OUT.finditer(text, 0, match.end()))
        if excluded:
            at, head = (excluded[-1].start(), match.end()), excluded[-1].span("what")
            yield _fact(sentence, at, operations, words=_cut(excluded[-1]["what"]), head=head, rule="excluded")
            continue
        start = _subject_start(text, match.start())
        subject = text[start : match.start()].strip(" ,")
        if not subject or len(subject.split()) > 12 or not _subject().search(subject):
            continue
        read = context.read(sentence, match.start(), match.end())
        if read.polarity is not Polarity.AFFIRMED or _of_others(sentence, read):
            continue
        state = (match["state"] or match["gave"] or match["worked"]).lower()
        words = f"{'positive' if state == 'negative' else 'abnormal'} {_cut(subject)}"
        at = (start, match.end())
        yield _fact(sentence, at, operations, words=words, head=at, rule="normal")


_PRESERVED = re.compile(r"\b(?P<state>preserved|intact|normal)\s(?P<what>(?:[\w-]+\s){0,2}?[\w-]+)\b", re.IGNORECASE)


def _preserved(sentence: Sentence, operations: Operations) -> Iterator[ObservationFact]:
    """`Preserved anal tone`, `intact sensation`."""
    text = sentence.text
    for match in _PRESERVED.finditer(text):
        named = _subject().search(match["what"])
        if re.search(r"\bwithin\s(?:the\s)?$", text[: match.start()]):
            continue
        if named is None or context.polarity(sentence, *match.span()) is not Polarity.AFFIRMED:
            continue
        at = (match.start(), match.start("what") + named.end())
        words = f"abnormal {text[match.start('what') : at[1]]}"
        yield _fact(sentence, at, operations, words=words, head=at, rule="preserved")


def _subject_start(text: str, end: int) -> int:
    start = 0
    for match in _SUBJECT_START.finditer(text, 0, end):
        start = match.end() if match.end() < end else start
    for match in _NEW_SUBJECT.finditer(text, start, end):
        if _VERB.search(text, start, match.start()):
            start = match.end()
    return start


# seen -----------------------------------------------------------------------------------------------------------------


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
    if not hits:
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
        if not affirmed or read.family or read.historical or _of_others(sentence, read):
            continue
        at = (hit.start, hit.end)
        fact = _fact(sentence, at, operations, words=text[slice(*at)], head=at, rule="seen")
        levels = level_facts(sentence, bound.of(*at), "findings.level")
        yield msgspec.structs.replace(fact, polarity=Polarity.AFFIRMED, level=levels)


# facts ----------------------------------------------------------------------------------------------------------------


def _fact(
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
def _modality() -> re.Pattern[str]:
    return re.compile(lexicon("findings").pattern("modality"))


def _method(sentence: Sentence, before: int) -> Coded | None:
    """The modality named last before the finding."""
    named = list(_modality().finditer(sentence.text, 0, before))
    return Coded(text=named[-1][0], span=(sentence.span(*named[-1].span()),)) if named else None


def _side(text: str, head: tuple[int, int]) -> Coded | None:
    """A side named within the words of the finding."""
    sides = [hit for hit in lexicon("sites").find(text[slice(*head)]) if hit.term["kind"] == "side"]
    return Coded(code=sides[0].code) if len(sides) == 1 else None


def _merged(facts: Iterable[ObservationFact]) -> list[ObservationFact]:
    """The same finding in the same words, affirmed or denied alike, is one fact with every span."""
    kept: dict[tuple[str, Polarity, object], ObservationFact] = {}
    for fact in facts:
        key = ((fact.kind.text or "").lower(), fact.polarity, tuple(level.code for level in fact.level))
        known = kept.get(key)
        if known is None:
            kept[key] = fact
        elif fact.span[0] not in known.span:
            kept[key] = msgspec.structs.replace(
                known, span=(*known.span, *fact.span), method=known.method or fact.method, time=known.time or fact.time
            )
    return list(kept.values())


def _numbered(facts: Iterable[ObservationFact], case_number: int) -> tuple[ObservationFact, ...]:
    return tuple(
        msgspec.structs.replace(fact, id=f"{case_number}/finding-{number}") for number, fact in enumerate(facts, 1)
    )
