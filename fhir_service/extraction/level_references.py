"""Levels that are told by pointing at others: "at that level", "the disc above", "it lay behind T12 and L1"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhir_service.extraction.document import Sentence
from fhir_service.extraction.levels import ORDER, LevelMention, find_groups, level_facts
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Level

_THERE = compiled(
    r"[^.;]{0,40}?\b(?:at|of|on|over|through)\s(?:this|that|the\s(?:very\s)?same|these|those|both|the\s(?:involved|affected|compressed|infected|responsible))\s"
    r"(?:two\s|vertebral\s)?(?:levels?|segments?|heights?|foramen|interspace)\b",
    re.IGNORECASE,
)
_GOES_ON = compiled(
    r"^(?:It|This|The\s(?:[\w-]+\s)?(?:cement|leak|leakage|collection|h(?:a)?ematoma|abscess|fragment|thread|mass|embolus|extravasation|infection|compression))\s"
    r"(?:[\w-]+\s){0,2}?(?:lay|lies|extended|extends|reached|reaches|ran|runs|spread|filled|occupied|stretched|spanned|"
    r"involved|located|situated|measured|seen|visible|compressed|narrowed)\b",
)
_UP = r"above|superior|cranial|upper|overlying|suprajacent|cephalad|supra-?adjacent|higher"
_DOWN = r"below|beneath|inferior|caudal|lower|underlying|subjacent|infra-?adjacent"
_DISC = compiled(
    rf"\b(?:(?P<up>(?:{_UP})\s(?:adjacent\s|neighbou?ring\s|intervertebral\s)*dis[ck]|dis[ck](?:\sspace)?\s(?:just\s|immediately\s|directly\s)?(?:above|cranial|cephalad))|"
    rf"(?P<down>(?:{_DOWN})\s(?:adjacent\s|neighbou?ring\s|intervertebral\s)*dis[ck]|dis[ck](?:\sspace)?\s(?:just\s|immediately\s|directly\s)?(?:below|beneath|caudal)))\b",
    re.IGNORECASE,
)


def there(text: str, position: int) -> bool:
    """Whether the words behind a position say "at that level"."""
    return _THERE.match(text, position) is not None


def last_named(
    before: Sequence[Sentence], sentence: Sentence, position: int
) -> tuple[Sentence, tuple[LevelMention, ...]] | None:
    """The levels named last before a position: in its sentence, else in the two before it."""
    for place in (sentence, *reversed(before[-2:])):
        end = position if place is sentence else len(place.text)
        groups = [group for group in find_groups(place.text) if group.end <= end]
        if groups:
            return place, groups[-1].mentions
    return None


def goes_on_at(following: Sentence | None, rule: str) -> tuple[Level, ...]:
    """The levels of the next sentence where it says how far the same thing reached."""
    if following is None or _GOES_ON.match(following.text) is None:
        return ()
    groups = find_groups(following.text)
    return level_facts(following, groups[0].mentions, rule) if groups else ()


def disc_beside(sentence: Sentence, start: int, end: int, vertebra: str, rule: str) -> tuple[Level, ...]:
    """The two vertebrae of "the disc above" (or below) the one vertebra it is told of."""
    match = _DISC.search(sentence.text, max(0, start - 20), min(len(sentence.text), end + 20))
    if match is None:
        return ()
    place = ORDER.index(vertebra) + (-1 if match["up"] else 1)
    if not 0 <= place < len(ORDER):
        return ()
    span = (sentence.span(*match.span()),)
    both = sorted((vertebra, ORDER[place]), key=ORDER.index)
    return tuple(Level(code=code, span=span, rule=rule) for code in both)
