"""How much cement the index augmentation took: one volume for each level that is given one, a total only if stated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Passage, Sentence
from fhir_service.extraction.levels import LevelMention, find_groups, find_levels, level_facts
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import general, of_others
from fhir_service.extraction.numbers import NUMBER, number_of
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Coded, Level, ObservationFact, ProcedureFact

VOLUME = compiled(
    rf"(?<![\w.,-])(?P<n>(?:{NUMBER}\s?(?:,|;|and|&|/|\+|to|-|,\sand|or)\s?)*{NUMBER})\s?-?"
    r"(?P<unit>c\.\s?c\.|ccm?\b|ml\b|mL\b|cm3\b|cm³|cubic\s(?:cm|centimet(?:er|re)s?)\b|milliliters?\b|millilitres?\b)",
    re.IGNORECASE,
)
_ONE = compiled(NUMBER, re.IGNORECASE)
_RANGE = compiled(rf"{NUMBER}\s?(?:to|-)\s?{NUMBER}", re.IGNORECASE)
_AFTER = compiled(r"\b(?:after|following|since|before|post)\s(?:[\w-]+\s){0,3}$", re.IGNORECASE)
_INTO = compiled(
    r"\s?(?:(?:of|was|were|being|went|going|had|gone|put|injected|introduced|instilled|placed|given|applied|filled|used)\s(?:\w+\s){0,3})*"
    r"(?:(?:into|in|at|for|to)\b|\()\s?(?:the\s)?(?:level\s|body\sof\s)?",
    re.IGNORECASE,
)
_TAKES = compiled(
    r"[\s:(,]*(?:(?:was|had|were|received|took|got|accepted|filled|with|injected)\s)*(?:(?:about|only|some)\s)?"
)
_BREAK = compiled(r"[,;:.]\s|[()]|\s(?:and|but|so|while)\s")
_LARGEST = Decimal(40)
"""Millilitres; what is more was never put into one spine."""
_NEAR = 75
_SHARE_REACH = 12
"""Characters: "on both sides" further ahead of an amount says how the needles went, not whose the amount is."""


@dataclass(frozen=True)
class _Volume:
    """One printed amount, or several of one list ("2.5 and 3 mL"), with what its neighbourhood says of it."""

    match: re.Match[str]
    values: tuple[Decimal, ...]
    is_range: bool
    said: frozenset[str]


def volumes(course: Course, index: ProcedureFact | None) -> tuple[ObservationFact, ...]:
    """Volumes of cement: one per stated level, else as stated."""
    if index is None:
        return ()
    found: dict[tuple[str, tuple[str, ...]], ObservationFact] = {}
    for sentence, end in _sentences(course):
        for fact in _facts(course, sentence, end, index):
            key = (str(fact.value or fact.low), tuple(level.code for level in fact.level))
            same = next((k for k in found if k[0] == key[0] and (not k[1] or not key[1] or k[1] == key[1])), None)
            if same is not None:
                known = found[same]
                found[same] = msgspec.structs.replace(
                    known, span=tuple(dict.fromkeys((*known.span, *fact.span))), level=known.level or fact.level
                )
            else:
                found[key] = msgspec.structs.replace(fact, id=f"{course.patient.number}/cement-volume-{len(found) + 1}")
    return tuple(found.values())


def volume_fact(
    number: int, passage: Passage, match: re.Match[str], index: ProcedureFact, rule: str
) -> ObservationFact:
    """The ObservationFact of one matched VOLUME; of a list, that of its last number."""
    return ObservationFact(
        id=f"{number}/cement-volume-1",
        kind=Coded(code="cement-volume", text=match[0]),
        value=_values(match)[-1],
        unit="mL",
        unit_text=match["unit"],
        part_of=index.id,
        span=(passage.span(match.start(), match.end()),),
        rule=rule,
    )


def _values(match: re.Match[str]) -> tuple[Decimal, ...]:
    return tuple(number_of(number) for number in _ONE.findall(match["n"]))


def _sentences(course: Course) -> Iterator[tuple[Sentence, int]]:
    """The leading sentences about the index procedure, each as far as a revision, and what is told again elsewhere."""
    case = course.patient.case
    start = max(0, course.index[0] - 3)
    end, position = course.revision if course.revision > course.index else (len(case), 0)
    for number, sentence in enumerate(case[start : end + 1], start):
        if not of_others(sentence.text):
            yield sentence, position if number == end else len(sentence.text)
    for sentence in course.patient.echo:
        if not of_others(sentence.text):
            yield sentence, len(sentence.text)


def _facts(course: Course, sentence: Sentence, end: int, index: ProcedureFact) -> Iterator[ObservationFact]:
    told = _volumes(sentence, end)
    sided = [volume for volume in told if "side" in volume.said]
    found = [v for v in told if not v.said & {"other", "share"} and (len(sided) < 2 or v not in sided)]
    placed = _placed(sentence.text, found, index)
    for volume in found:
        for place, value in enumerate(volume.values[:1] if volume.is_range else volume.values):
            fact = volume_fact(course.patient.number, sentence, volume.match, index, "cement_volumes.volume")
            if volume.is_range:
                fact = msgspec.structs.replace(fact, value=None, low=value, high=volume.values[-1])
            else:
                fact = msgspec.structs.replace(fact, value=value)
            levels = placed.get((volume.match.start(), place))
            if levels is None and "each" in volume.said and "total" not in volume.said:
                for level in _each(sentence, index):
                    yield msgspec.structs.replace(fact, level=(level,), rule="cement_volumes.each")
            elif levels is None:
                yield fact
            else:
                yield msgspec.structs.replace(fact, level=level_facts(sentence, (levels,), "cement_volumes.level"))


def _volumes(sentence: Sentence, end: int) -> list[_Volume]:
    text = sentence.text
    matches = list(VOLUME.finditer(text, 0, end))
    if not matches or general(text):
        return []
    words = lexicon("cement-volumes").find_all(text)
    operations = [
        hit.start
        for hit in lexicon("procedures").find(text)
        if hit.term["group"] == "augmentation" and not _AFTER.search(text, 0, hit.start)
    ]
    found = []
    for match in matches:
        first = max((end.end() for end in _BREAK.finditer(text, 0, match.start())), default=0)
        closing = _BREAK.search(text, match.end())
        last = closing.start() if closing else len(text)
        near = {hit.code for hit in words if match.start() - _NEAR < hit.end and hit.start < match.end() + _NEAR}
        own = {
            hit.code
            for hit in words
            if first <= hit.start
            and hit.end <= last
            and (hit.code not in ("share", "side") or not match.start() - hit.end > _SHARE_REACH)
        }
        values = _values(match)
        told = (
            "cement" in near
            or any(start < match.start() for start in operations)
            or "inject" in own
            or _of_level(text, match, own)
        )
        if told and all(0 < value <= _LARGEST for value in values):
            found.append(_Volume(match, values, _RANGE.fullmatch(match["n"]) is not None, frozenset(own)))
    return found


def _of_level(text: str, match: re.Match[str], said: set[str]) -> bool:
    """ "3 cc was going into T8", "L4 took 4 ml"."""
    if "put" not in said:
        return False
    return _level_behind(text, match.end()) is not None or _level_before(text, match.start()) is not None


def _level_behind(text: str, position: int) -> LevelMention | None:
    into = _INTO.match(text, position)
    if into is None:
        return None
    return next((mention for mention in find_levels(text) if mention.start == into.end()), None)


def _level_before(text: str, position: int) -> LevelMention | None:
    return next((m for m in find_levels(text) if m.end <= position and _TAKES.fullmatch(text, m.end, position)), None)


def _placed(text: str, found: Sequence[_Volume], index: ProcedureFact) -> dict[tuple[int, int], LevelMention]:
    """Which amount is said to be of which level, by the start of the amount and its place in its list."""
    amounts = [(volume.match.start(), place) for volume in found for place in range(len(volume.values))]
    if any(volume.is_range for volume in found) or not amounts:
        return {}
    several = len(amounts) > 1 or len(index.level) > 1
    groups = [group for group in find_groups(text) if len(group.mentions) == len(amounts) > 1]
    if groups and (len(found) == 1 or "respectively" in text):
        return dict(zip(amounts, groups[0].mentions, strict=True))
    if not several or any(len(volume.values) > 1 for volume in found):
        return {}
    behind = {(v.match.start(), 0): m for v in found if (m := _level_behind(text, v.match.end()))}
    before = {(v.match.start(), 0): m for v in found if (m := _level_before(text, v.match.start()))}
    placed = before | behind
    return placed if behind or len(placed) == len(amounts) > 1 else {}


def _each(sentence: Sentence, index: ProcedureFact) -> tuple[Level, ...]:
    """The vertebrae that took the same amount: those the sentence names, else those of the operation."""
    groups = find_groups(sentence.text)
    if not groups:
        return index.level
    own = level_facts(sentence, groups[0].mentions, "cement_volumes.level") if len(groups) == 1 else ()
    treated = {level.code for level in index.level}
    return own if treated.issuperset(level.code for level in own) else ()
