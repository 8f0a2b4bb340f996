"""What the augmentation was done for: the fracture (or lesion) told before it, or named with it.

A fracture at a treated vertebra is the indication unless it is called new; one told after the augmentation elsewhere is
not. Where the diagnosis names no vertebra, a sign that only a fractured vertebra shows (a cleft, a collapse) gives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from fhir_service.extraction import context
from fhir_service.extraction.binding import bind_to, with_others
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.levels import LevelMention, find_groups, find_levels, level_facts
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.timepoints import Operations
from fhir_service.reports.case_report import Coded, ConditionFact, Level, Polarity

_FOR = compiled(
    r"\b(?:for|of|due\sto|because\sof|to\streat|treat|treating|under\s(?:the\s)?diagnosis\sof|diagnosis\sof|diagnosed\sas|owing\sto|with|secondary\sto|in)\s(?:the\s|an?\s|her\s|his\s|what\swas\s\w+\sas\s(?:an?\s)?|[\w-]+\s){0,3}$",
    re.IGNORECASE,
)
_NEW_REACH = 45
_NAMED_NEW = r"(?:[\s-](?!(?:of|for|because|due|to|with|in|at|by|from|center|centre|hospital)\b)[\w-]+){0,4}"
_LEVEL_WORD = compiled(r"(?:[CTLDS]h?-?\d{1,2}|\([^()]*\)|and|to|,)\s$")
_WHICH = compiled(
    r"\b(?:both|all|each|which|that)\s(?:of\s(?:which|them)\s)?(?:had|has|have|was|were)\s(?:\w+\s)?$", re.IGNORECASE
)
"""`L3 and L4, both of which had` collapsed."""
_VERB = compiled(r"\b(?:was|were|had|has|is|underwent|showed|for)\b", re.IGNORECASE)
_SIGN_CODES = frozenset({"cleft", "height-loss", "signal-change", "instability"})
_CAUSE = compiled(
    r"(?:\sof\s(?:the\s)?[\w-]+)?\s(?:d/t|due\sto|secondary\sto|caused\sby|resulting\sfrom|because\sof|following|after)\s"
    r"(?P<what>(?:(?!and\b|or\b|laminectomy\b|she\b|he\b|was\b|which\b|with\b)[\w-]+\s?){1,4})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Mention:
    sentence: Sentence
    start: int
    end: int
    polarity: Polarity
    levels: tuple[Level, ...]
    cause: Coded | None = None


def _cause(sentence: Sentence, end: int) -> Coded | None:
    """What the words behind a fracture say that it came from."""
    match = _CAUSE.match(sentence.text, end)
    if match is None or not match["what"].strip()[:1].isalpha():
        return None
    words = match["what"].strip()
    start = match.start("what")
    return Coded(text=words, span=(sentence.span(start, start + len(words)),))


def indications(sentences: Sequence[Sentence], operations: Operations) -> Iterator[ConditionFact]:
    """The indication of one patient as one Condition, with every place that states it."""
    mentions = [m for sentence in sentences for m in _mentions(sentence, operations)]
    if mentions:
        levels: dict[str, Level] = {}
        for mention in mentions:
            for level in mention.levels:
                levels.setdefault(level.code, level)
        found = tuple(levels.values()) or _by_sign(sentences, operations)
        name = max(mentions, key=lambda m: (m.polarity is Polarity.AFFIRMED, len(_own_words(m))))
        yield ConditionFact(
            id="",
            role="indication",
            kind=Coded(text=_own_words(name)),
            level=found,
            polarity=_together(mentions),
            cause=_causes(mentions),
            span=tuple(dict.fromkeys(m.sentence.span(m.start, m.end) for m in mentions)),
            rule="indication.fracture",
        )


def _causes(mentions: Sequence[_Mention]) -> tuple[Coded, ...]:
    causes = {m.cause.text: m.cause for m in mentions if m.cause is not None}
    return tuple(causes.values())


def _own_words(mention: _Mention) -> str:
    return mention.sentence.text[mention.start : mention.end]


def _together(mentions: Sequence[_Mention]) -> Polarity:
    affirmed = any(m.polarity is Polarity.AFFIRMED for m in mentions)
    return Polarity.AFFIRMED if affirmed else mentions[0].polarity


def _mentions(sentence: Sentence, operations: Operations) -> Iterator[_Mention]:
    text = sentence.text
    hits = [hit for hit in lexicon("indications").find(text) if hit.term["group"] != "elsewhere"]
    if not hits:
        return
    bound = bind_to(text, with_others(text, hits))
    for hit in hits:
        start = _start(text, hit.start)
        read = context.read(sentence, hit.start, hit.end)
        if sentence.section is Section.TABLE:
            levels = level_facts(sentence, _right_before(text, start, hit.start), "indication.level")
        else:
            levels = level_facts(sentence, bound.of(hit.start, hit.end), "indication.level")
        others = read.others and sentence.section is not Section.TABLE
        if read.negated or read.mentioned or read.family or others or read.unknown:
            continue
        if not _precedes_its_treatment(sentence, start, levels, operations) and _is_new(text, start, hit.end):
            continue
        purpose = _is_purpose(text, start)
        named = {level.code for level in levels}
        if hit.term["group"] == "broken" and not levels and _WHICH.search(text, max(0, hit.start - 40), hit.start):
            levels = _treated_here(sentence, operations)
            named = {level.code for level in levels}
        if hit.term["group"] != "fracture" and not (
            named & operations.treated
            or (hit.term["group"] == "lesion" and purpose and _with_index(sentence, operations))
        ):
            continue
        if not levels and (purpose or _is_apposed(text, start)):
            levels = _treated_here(sentence, operations)
        if _is_indication(sentence, start, levels, operations):
            polarity = Polarity.HYPOTHETICAL if read.provisional else Polarity.AFFIRMED
            treated = operations.treated
            levels = tuple(level for level in levels if level.code in treated) if treated else levels
            yield _Mention(sentence, start, hit.end, polarity, levels, _cause(sentence, hit.end))


def _precedes_its_treatment(
    sentence: Sentence, position: int, levels: tuple[Level, ...], operations: Operations
) -> bool:
    """Whether an augmentation of these vertebrae (of any, where none is named) is still to be told."""
    named = {level.code for level in levels}
    return any(
        not operations.told(index, sentence, position)
        for index in operations.indices
        if not named or not index.level or named & {level.code for level in index.level}
    )


def _right_before(text: str, start: int, end: int) -> tuple[LevelMention, ...]:
    """The levels in the cell before the one that holds the diagnosis."""
    groups = [group for group in find_groups(text) if start - 1 <= group.end <= end]
    return groups[-1].mentions if groups else ()


def _is_indication(sentence: Sentence, start: int, levels: tuple[Level, ...], operations: Operations) -> bool:
    index = operations.index
    if sentence.section is Section.TABLE:
        return True
    if index is None:
        return sentence.section in (Section.CASE, Section.ABSTRACT)
    named = {level.code for level in levels}
    if named and operations.treated:
        return bool(named & operations.treated)
    if _with_index(sentence, operations) and (_is_purpose(sentence.text, start) or _is_apposed(sentence.text, start)):
        return True
    if operations.told(index, sentence, start):
        return False
    return sentence.section in (Section.CASE, Section.ABSTRACT)


def _with_index(sentence: Sentence, operations: Operations) -> bool:
    return any(sentence.start <= span.offset < sentence.end for index in operations.indices for span in index.span)


def _treated_here(sentence: Sentence, operations: Operations) -> tuple[Level, ...]:
    """`vertebroplasty at L4 for a compression fracture`: the fracture is where the augmentation was."""
    if not _with_index(sentence, operations):
        return ()
    named = [mention for mention in find_levels(sentence.text) if operations.treated.issuperset(mention.codes)]
    return level_facts(sentence, named, "indication.treated") if named else ()


def _is_purpose(text: str, start: int) -> bool:
    return _FOR.search(text, max(0, start - 60), start) is not None


def _is_apposed(text: str, start: int) -> bool:
    """`Vertebroplasty T10, pathological fracture`: set beside the operation with nothing between."""
    comma = max(text.rfind(",", 0, start), text.rfind("(", 0, start))
    if comma < 0 or text[comma + 1 : start].strip():
        return False
    operation = next((h for h in reversed(lexicon("procedures").find(text)) if h.end <= comma), None)
    if operation is None or operation.term["group"] != "augmentation":
        return False
    return not _VERB.search(text, operation.end, comma)


@cache
def _class(name: str) -> Pattern:
    return compiled(lexicon("conditions").pattern(name))


@cache
def _new_ending() -> Pattern:
    """A word for new, and behind it nothing but the name of what is new."""
    return compiled(_class("new").pattern + _NAMED_NEW + "$")


def _is_new(text: str, start: int, end: int) -> bool:
    if _new_ending().search(text[max(0, start - _NEW_REACH) : end]):
        return True
    return (
        compiled(r"\s(?:of\s(?:a|an|the)\s)?(?:adjacent|neighbou?ring|new|adjacent-level)\b").match(text[end:])
        is not None
    )


def _start(text: str, start: int) -> int:
    """Where the name of a fracture begins: its modifiers and the levels among them belong to it."""
    while True:
        word = compiled(r"(?:\b[\w-]+\s)?[\w'-]+\s$").search(text[:start])
        if word is None:
            return start
        last = word.start() + word[0].rstrip().rfind(" ") + 1
        for candidate in (word.start(), last):
            if _class("modifier").fullmatch(text[candidate : start - 1]):
                start = candidate
                break
        else:
            level = _LEVEL_WORD.search(text[:start])
            if level is None or level[0].strip() in ("and", "to", ","):
                return start
            start = level.start()


def _by_sign(sentences: Sequence[Sentence], operations: Operations) -> tuple[Level, ...]:
    """The vertebra that shows a sign of fracture before the augmentation, where all such signs name the same."""
    found: dict[str, Level] = {}
    for sentence in sentences:
        if sentence.section not in (Section.CASE, Section.ABSTRACT):
            continue
        hits = [h for h in lexicon("findings").find(sentence.text) if h.code in _SIGN_CODES]
        if not hits or operations.told(operations.index, sentence, hits[0].start):
            continue
        bound = bind_to(sentence.text, hits)
        for hit in hits:
            if context.read(sentence, hit.start, hit.end).polarity is Polarity.AFFIRMED:
                for level in level_facts(sentence, bound.of(hit.start, hit.end), "indication.sign"):
                    found.setdefault(level.code, level)
    return tuple(found.values()) if len(found) <= 2 else ()
