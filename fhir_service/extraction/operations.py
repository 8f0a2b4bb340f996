"""Operations as sentences name them: done, anchored in time, done again, denied, only talked about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fhir_service.extraction import context
from fhir_service.extraction.binding import Bound, bind
from fhir_service.extraction.course import Place
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.levels import LevelMention
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Polarity
from fhir_service.reports.span import SourceSpan

_BEFORE_NOUN = (
    r"(?:the\s|this\s|her\s|his\s|my\s|an?\s|initial\s|earlier\s|prior\s|previous\s|first\s|second\s|third\s|repeat(?:ed)?\s|last\s|latter\s|index\s|undergoing\s|percutaneous\s|balloon\s|"
    r"[TL]\d+\s)*$"
)
_ANCHOR = compiled(
    r"\b(?:after|following|since|before|prior\sto|during|post|until|preceding|of\sthe\sprior|from\sthe\s(?:earlier|prior|previous|first)|"
    r"complication\sof|complicating|due\sto|at\sthe\stime\sof|resulting\sfrom)\s" + _BEFORE_NOUN,
    re.IGNORECASE,
)
_AGAIN = compiled(
    r"\b(?:repeat(?:ed)?|second|again|another|additional|further|re-?do|revision)[\s-]*(?:[\w-]+\s){0,2}$",
    re.IGNORECASE,
)
_REPEATED = compiled(
    r"\s(?:was|were)\s(?:then\s)?(?:repeated|done\sagain|performed\sagain)\b|\sagain\b|\sas\swell\b", re.IGNORECASE
)
_EARLIER = compiled(
    r"\b(?:previous|prior|earlier|history\sof|past|former|had\s(?:already\s|previously\s)?(?:undergone|had|received))\s(?:[\w-]+\s){0,3}$",
    re.IGNORECASE,
)
_DEVICE = compiled(
    r"\b(?:position|loosening|failure|segments?|site|construct|alignment|presence)\s(?:of|in|within|with)\s(?:the\s|her\s|his\s)?(?:\w+\s)?$",
    re.IGNORECASE,
)
_DENIED = compiled(r"\b(?:not|never|nor)\b", re.IGNORECASE)
_STATE = compiled(
    r"\s(?:was|is|were|had)\s(?:solid|achieved|complete|evident|occurred|confirmed|intact|stable)\b", re.IGNORECASE
)
_RELATIVE_HAD = compiled(
    r"(?:,[^,;.]{1,25},)?(?:\s\w+)?\s(?:had|has|underwent|was|received|got)\b(?:(?!\b(?:she|he|and|the\spatient)\b)[^,;.]){0,60}",
    re.IGNORECASE,
)
_CLAUSE_START = compiled(r";|\.\s|,\s(?:and|but)\s(?:she|he|the|it|we)\b|\bbut\b")


@dataclass(frozen=True)
class Mention:
    """An operation named in a sentence.

    `anchor`: it only tells the time of something else. `planned`: it is not said to have been done.
    """

    sentence: Sentence
    hit: Hit
    place: Place
    levels: tuple[LevelMention, ...]
    anchor: bool
    again: bool
    earlier: bool
    done: bool
    planned: bool

    @property
    def augments(self) -> bool:
        return bool(self.hit.term["group"] == "augmentation")

    @property
    def operates(self) -> bool:
        return bool(self.hit.term["group"] == "operation")

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(code for mention in self.levels for code in mention.codes)

    @property
    def words(self) -> str:
        return self.sentence.text[self.hit.start : self.hit.end]

    def span(self) -> SourceSpan:
        return self.sentence.span(self.hit.start, self.hit.end)


def mentions(sentences: Iterable[Sentence], *, first: int = 0, general_too: bool = False) -> list[Mention]:
    """Every operation these sentences name and do not deny; sentences are numbered from `first`."""
    found: list[Mention] = []
    for number, sentence in enumerate(sentences, first):
        if not general_too and general(sentence.text):
            continue
        hits = lexicon("procedures").find(sentence.text)
        if not hits:
            continue
        bound = bind(sentence.text)
        found += [mention for hit in hits if (mention := _mention(sentence, hit, number, bound)) is not None]
    return found


def _mention(sentence: Sentence, hit: Hit, number: int, bound: Bound) -> Mention | None:
    text = sentence.text
    before = text[max(0, hit.start - 60) : hit.start]
    if (
        context.polarity(sentence, hit.start, hit.end) is Polarity.NEGATED
        or _DEVICE.search(before)
        or _STATE.match(text, hit.end)
        or _DENIED.search(text, hit.start, hit.end)
        or _of_relative(text, hit.start)
    ):
        return None
    doing = {each.code for each in lexicon("doing").find_all(_clause(text, hit.start, hit.end))}
    anchor = _ANCHOR.search(before) is not None
    carried_out = "carried-out" in doing
    doubtful = context.polarity(sentence, hit.start, hit.end) is not Polarity.AFFIRMED
    return Mention(
        sentence=sentence,
        hit=hit,
        place=(number, hit.start),
        levels=bound.of(hit.start, hit.end),
        anchor=anchor,
        again=_AGAIN.search(before) is not None
        or _REPEATED.match(text, hit.end) is not None
        or text[hit.start : hit.start + 3].lower() in ("re-", "reo"),
        earlier=_EARLIER.search(before) is not None,
        done=not anchor and "done" in doing,
        planned=("planned" in doing or doubtful) and not carried_out,
    )


def _of_relative(text: str, position: int) -> bool:
    """ "Her husband had undergone laminectomy": told of somebody who is no patient."""
    relatives = [hit for hit in lexicon("people").find(text) if hit.code == "relative" and hit.end <= position]
    return bool(relatives) and _RELATIVE_HAD.fullmatch(text, relatives[-1].end, position) is not None


def _clause(text: str, start: int, end: int) -> str:
    left = 0
    for match in _CLAUSE_START.finditer(text, 0, start):
        left = match.end()
    right = _CLAUSE_START.search(text, end)
    return text[left : right.start() if right else len(text)]
