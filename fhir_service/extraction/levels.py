"""Vertebral levels in all their notations, to one code per vertebra.

A range is its vertebrae, a disc or foramen its two. `T11`, `T-11`, `Th9`, `D12`, `L3/4`, `L34`, `T12-L2`, "11th
thoracic", "thoracic 10-12", "third and fourth lumbar". Not levels: T1-weighted images, T-scores, vitamin D3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from fhir_service.extraction.document import Passage
from fhir_service.extraction.numbers import ORDINAL, ordinal_of
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.words import once
from fhir_service.reports.case_report import Level

SIZES = {"C": 7, "T": 12, "L": 5, "S": 5}
ORDER = tuple(f"{region}{number}" for region, size in SIZES.items() for number in range(1, size + 1))

_REGION = {"c": "C", "t": "T", "th": "T", "d": "T", "l": "L", "s": "S"}
_REGION_WORDS = {"cervical": "C", "thoracic": "T", "dorsal": "T", "lumbar": "L", "sacral": "S"}
_NAMED = r"(?:Th|TH|[CTDLS])[-. ]?\d{1,2}"
_NOT_LEVEL = (
    r"(?!\d|[.,]\d|\s?%|[ -]?weighted|[ -]?(?:and|or|/)[ -]?T[12][ -]+weighted|[ -]?(?:WI\b|signal|sequence|image|"
    r"hyper|hypo|relax|FLAIR|phase|-score))"
)
_JOIN = (
    r"\s?(?:-|/|(?:\b(?:down|up|and\sreaching|and\sreached)\s)?\bto\b|\bthrough\b|\bthru\b|"
    r"\bas\sfar\s(?:down\s|up\s)?as\b|~)\s?"
)
_WRITTEN = compiled(
    rf"(?<![\w.])(?<![Vv]itamin )(?P<a>{_NAMED}){_NOT_LEVEL}"
    rf"(?:(?P<join>{_JOIN})(?P<b>{_NAMED}|\d{{1,2}})(?![\d%]|[.,]\d)(?!{_JOIN}\d))?"
)
_BETWEEN = compiled(
    rf"\b[Bb]etween\s(?:the\s)?(?P<a>{_NAMED})\s(?:and|to)\s(?P<b>{_NAMED})(?![\d%]|[.,]\d|\s(?:level|nerve|root))"
)
_RUN_TOGETHER = compiled(
    r"(?<![\w.])(?P<region>[LTS])(?P<digits>[1-9]{2}|(?:8|9)(?:9|10)|1011|1112)(?![\d\w]|[.,]\d|\s?%)"
)
_AFTER_REGION = (
    r"(?!\s+(?:puncture|surger|operation|approach|drain|epidural|artery|arteries|vein|fusion|procedure|lordosis|duct|"
    r"intervention|radiograph|x-?ray|mri|ct\b|magnetic|corset|brace|pain|nerve|plexus|sympath))"
)
_REGION_NAME = r"(?P<region>cervical|thoracic|dorsal|lumbar|sacral)"
_LIST = r"(?:\s?(?:,|and|&|or|to|through|-)(?:\s?and)?\s?)"
_ORDINAL_FIRST = compiled(
    rf"(?<![-\w])(?P<list>(?:{ORDINAL}|\d{{1,2}}(?={_LIST}))(?:{_LIST}(?:the\s)?{ORDINAL})*)\s+"
    rf"(?:\([TLCS]\d{{1,2}}(?:\s?(?:,|and)\s?[TLCS]\d{{1,2}})*\)\s+)?{_REGION_NAME}\b{_AFTER_REGION}",
    re.IGNORECASE,
)
_REGION_FIRST = compiled(
    rf"\b{_REGION_NAME}\s+(?:vertebra[el]?\s+|vertebral\s+bod(?:y|ies)\s+|spine\s+|levels?\s+|segments?\s+|number\s+)?"
    rf"(?P<list>\d{{1,2}}(?:{_LIST}\d{{1,2}})*)(?![\d%]|[.,]\d|\s?(?:mm|cm|ml|cc|weeks?|months?|years?|days?|patients|cases|hours?)\b)",
    re.IGNORECASE,
)
_SEPARATOR = compiled(
    r"\s?(?:,|;|and|&|\+|or|as well as|plus|,\s?and)?\s?(?:then\s|the\s|also\s|at\s|of\s|in\s|and\s)*", re.IGNORECASE
)


class LevelMention(msgspec.Struct, frozen=True, gc=False):
    """Vertebrae named at `text[start:end]`."""

    codes: tuple[str, ...]
    start: int
    end: int

    def of_root(self, text: str) -> bool:
        """Whether it names a nerve root, dermatome or myotome, not a vertebra."""
        return compiled(r"[\s-]*(?:nerve|root|dermatome|myotome|radicul)").match(text[self.end :]) is not None


class LevelGroup(msgspec.Struct, frozen=True, gc=False):
    """Mentions listed together ("T11, L1 and L2")."""

    mentions: tuple[LevelMention, ...]

    @property
    def start(self) -> int:
        return self.mentions[0].start

    @property
    def end(self) -> int:
        return self.mentions[-1].end

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(code for mention in self.mentions for code in mention.codes))


@once
def find_levels(text: str) -> tuple[LevelMention, ...]:
    """Every mention of a level in a normalised text, in order, without overlaps."""
    found: list[LevelMention] = []
    for match in _WRITTEN.finditer(text):
        codes = _written(match)
        if codes:
            found.append(LevelMention(codes, match.start(), match.end()))
    for match in _RUN_TOGETHER.finditer(text):
        codes = _run_together(match["region"], match["digits"])
        if codes:
            found.append(LevelMention(codes, match.start(), match.end()))
    for pattern in (_ORDINAL_FIRST, _REGION_FIRST):
        for match in pattern.finditer(text):
            codes = _listed(match["list"], _REGION_WORDS[match["region"].lower()])
            if codes:
                found.append(LevelMention(codes, match.start(), match.end()))
    for match in _BETWEEN.finditer(text):
        first, last = _token(match["a"], None), _token(match["b"], None)
        if first is not None and last is not None:
            found.append(LevelMention(between(first, last), match.start("a"), match.end()))
    found.sort(key=lambda mention: (mention.start, -mention.end))
    kept: list[LevelMention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return tuple(kept)


@once
def find_groups(text: str) -> tuple[LevelGroup, ...]:
    """Mentions joined into the lists they are printed in."""
    groups: list[list[LevelMention]] = []
    for mention in find_levels(text):
        if groups and _SEPARATOR.fullmatch(text, groups[-1][-1].end, mention.start):
            groups[-1].append(mention)
        else:
            groups.append([mention])
    return tuple(LevelGroup(tuple(group)) for group in groups)


def level_facts(passage: Passage, mentions: Iterable[LevelMention], rule: str) -> tuple[Level, ...]:
    """One Level per vertebra, each with the words that name it."""
    levels: dict[str, Level] = {}
    for mention in mentions:
        for code in mention.codes:
            levels.setdefault(code, Level(code=code, span=(passage.span(mention.start, mention.end),), rule=rule))
    return tuple(levels.values())


def between(first: str, last: str) -> tuple[str, ...]:
    """The vertebrae from one to the other, both included, whichever way round they are given."""
    low, high = sorted((ORDER.index(first), ORDER.index(last)))
    return ORDER[low : high + 1]


def neighbours(codes: Iterable[str], reach: int = 1) -> set[str]:
    """The vertebrae up to `reach` above and below these, without these."""
    places = {ORDER.index(code) for code in codes}
    near = {place + step for place in places for step in range(-reach, reach + 1)} - places
    return {ORDER[place] for place in near if 0 <= place < len(ORDER)}


def _code(region: str, number: int) -> str | None:
    return f"{region}{number}" if 1 <= number <= SIZES[region] else None


def _written(match: re.Match[str]) -> tuple[str, ...]:
    first = _token(match["a"], None)
    if first is None:
        return ()
    if match["b"] is None:
        return (first,)
    last = _token(match["b"], first[0])
    if last is None:
        return (first,)
    if match["join"].strip() == "/" and abs(ORDER.index(first) - ORDER.index(last)) > 1:
        return (first, last)
    return between(first, last)


def _token(words: str, region: str | None) -> str | None:
    match = compiled(r"(Th|TH|[CTDLS])?[-. ]?(\d{1,2})").fullmatch(words)
    if match is None:
        return None
    name = _REGION[match[1].lower()] if match[1] else region
    return None if name is None else _code(name, int(match[2]))


def _run_together(region: str, digits: str) -> tuple[str, ...]:
    """L34 is L3-L4; T12 is a vertebra of its own."""
    if _code(region, int(digits)) is not None:
        return ()
    half = 1 if len(digits) < 4 else 2
    first, last = _code(region, int(digits[:half])), _code(region, int(digits[half:]))
    if first is None or last is None or ORDER.index(last) - ORDER.index(first) != 1:
        return ()
    return (first, last)


def _listed(words: str, region: str) -> tuple[str, ...]:
    parts = re.split(r"(\s?(?:,|\band\b|&|\bor\b|\bto\b|\bthrough\b|-)\s?)", words)
    codes: list[str] = []
    joined_by = ""
    for part in parts:
        plain = compiled(r"^(?:and|the)\s+", re.IGNORECASE).sub("", part.strip())
        if plain.lower() in ("to", "through", "-"):
            joined_by = "-"
        elif compiled(r"\d|[a-z]", re.IGNORECASE).match(plain) and plain.lower() not in ("and", "or", "the"):
            try:
                code = _code(region, ordinal_of(plain))
            except ValueError:
                return ()
            if code is None:
                return ()
            codes.extend(between(codes[-1], code)[1:] if joined_by and codes else (code,))
            joined_by = ""
    return tuple(dict.fromkeys(codes))
