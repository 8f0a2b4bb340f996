"""Which words a level belongs to: a level is bound to the operation, harm or finding its sentence puts it with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fhir_service.extraction.levels import LevelGroup, LevelMention, find_groups
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.words import once

_SUBJECT = compiled(
    r"[\s)]*(?:,[^,;.]{0,40},)?\s*(?:bodies|vertebra[el]?|level|levels)?[\s)]*(?:had|has|was|were|received|underwent|showed|then|also|again|refractured|collapsed|needed|required)\b",
    re.IGNORECASE,
)
_OPENS_CLAUSE = compiled(
    r"(?:^|[.;:]\s|,\s(?:and\s|but\s|while\s|where\s)?|\band\s|\bthen\s|\bwhere(?:as)?\s|\(|\bthat\s|\bwhose\s)(?:the\s|an?\s|only\s)?$",
    re.IGNORECASE,
)
_PREPOSITION = compiled(
    r"\b(?:at|of|in|from|on|to|for|over|level|levels|between|through|involving|below|above|into|affecting)\s(?:the\s|both\s|level\s|levels\s)*$",
    re.IGNORECASE,
)
_NOT_PLACE = compiled(
    r"\b(?:below|above|beneath|distal\sto|caudal\sto|down\sto)\s(?:the\s|level\s|of\s)*$", re.IGNORECASE
)
_PREMODIFIER = compiled(
    r"[\s-]*(?:(?:level|vertebral|vertebra|body|acute|osteoporotic|compression|burst|traumatic|pathologic(?:al)?|old|new|single|severe|right|left|posterior|anterior|total|wide|spine|spinal|disc|space|percutaneous|balloon|transpedicular|bilateral|received|underwent|had|surgical|intertransverse|[-\w]*al|[-\w]*ic|[-\w]*ous)[\s-]*){0,4}(?:\(\w+\)\s)?",
    re.IGNORECASE,
)
_BREAK = compiled(
    r"[;.]|,\s(?:and|but|which|while)\s(?:she|he|the\spatient|we|it|they)\b|\bbut\b|\bwhereas\b|\bwhile\b"
)
_TIMED_BY = compiled(
    r"\b(?:was|were|had|has|is|are)\b.*\b(?:of|after|following|since|before|from)\s(?:the\s|her\s|his\s|index\s)*$"
)
"""An operation that only tells when: "T7 to T9 were taken off within hours of the vertebroplasty"."""
_COORDINATED = compiled(
    r"\s*(?:\(\w+\))?\s*,?\s*(?:and|or|with|plus|\+|/|,|as\swell\sas|&|or\sin)?\s*(?:(?!at\b|of\b|from\b|on\b|in\b|to\b|followed\b|then\b|after\b|following\b|post\b|since\b|was\b|were\b|underwent\b|the\b|through\b|via\b|by\b)[\w-]+\s){0,4}(?:of\s(?!the\slevel)(?:[\w-]+\s){0,3})?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Bound:
    """A sentence's heads (operations, harms, findings) and the level mentions each is given."""

    heads: tuple[Hit, ...]
    levels: dict[int, tuple[LevelMention, ...]]

    def of(self, start: int, end: int) -> tuple[LevelMention, ...]:
        """The mentions given to the head that covers or touches these words."""
        found: list[LevelMention] = []
        for place, head in enumerate(self.heads):
            if head.start < end and start < head.end:
                found += [mention for mention in self.levels.get(place, ()) if mention not in found]
        return tuple(found)


NOTHING = Bound((), {})


def bind(text: str, extra: Sequence[Hit] = ()) -> Bound:
    """Give every level of a sentence to a head; a level that belongs to none is given to none."""
    return bind_to(text, [*_heads(text), *extra]) if extra else _bound(text)


@once
def _bound(text: str) -> Bound:
    return bind_to(text, _heads(text))


def _heads(text: str) -> list[Hit]:
    return [*lexicon("procedures").find(text), *lexicon("complications").find(text)]


def with_others(text: str, hits: Sequence[Hit]) -> list[Hit]:
    """These heads, and the operations and harms of the sentence that do not overlap them."""
    others = [*lexicon("procedures").find(text), *lexicon("complications").find(text)]
    return [*hits, *(o for o in others if not any(o.start < hit.end and hit.start < o.end for hit in hits))]


def bind_to(text: str, hits: Sequence[Hit]) -> Bound:
    heads = tuple(sorted(hits, key=lambda hit: (hit.start, hit.end)))
    given: dict[int, list[LevelMention]] = {}
    after: set[int] = set()
    for group in _groups(text, heads):
        if (
            group.mentions[0].of_root(text)
            and len(group.mentions) == 1
            and "radicul" not in text[group.end : group.end + 9]
        ):
            continue
        place, follows = _head_of(text, group, heads)
        if place is not None:
            given.setdefault(place, []).extend(group.mentions)
            if follows:
                after.add(place)
    _share(text, heads, given, after)
    return Bound(heads, {place: tuple(mentions) for place, mentions in given.items()})


def _groups(text: str, heads: Sequence[Hit]) -> list[LevelGroup]:
    """The lists of levels; the last of a list that stands right before a head of its own is taken off it."""
    groups: list[LevelGroup] = []
    for group in find_groups(text):
        last = group.mentions[-1]
        own = any(head.start == last.end + 1 for head in heads)
        if (
            own
            and len(group.mentions) > 1
            and _PREPOSITION.search(text, 0, group.start)
            and any(head.end <= group.start for head in heads)
        ):
            groups += [LevelGroup(group.mentions[:-1]), LevelGroup((last,))]
        else:
            groups.append(group)
    return groups


def _head_of(text: str, group: LevelGroup, heads: Sequence[Hit]) -> tuple[int | None, bool]:
    """The head a group belongs to, and whether the group stands behind it."""
    if _NOT_PLACE.search(text, 0, group.start):
        return None, False
    inside = next((i for i, head in enumerate(heads) if head.start <= group.start and group.end <= head.end), None)
    if inside is not None:
        return inside, True
    previous = _previous(text, group, heads)
    if previous is not None and text[heads[previous].end : group.start] == " (" and text[group.end :].startswith(")"):
        return previous, True
    following = next((i for i, head in enumerate(heads) if head.start >= group.end), None)
    if following is not None and _goes_before(text, group, heads[following], has_previous=previous is not None):
        return following, False
    if previous is not None:
        return previous, True
    apart = (
        following is None
        or _BREAK.search(text[group.end : heads[following].start])
        or _TIMED_BY.search(text, group.end, heads[following].start)
    )
    return (None if apart else following), False


def _goes_before(text: str, group: LevelGroup, head: Hit, *, has_previous: bool) -> bool:
    """Whether a group belongs to the head behind it: "T11 vertebroplasty", "L4, adjacent to it, had a fracture"."""
    before, behind = text[: group.start], text[group.end :]
    if head.start - group.end <= 1:
        return True
    prepositional = has_previous and _PREPOSITION.search(before) is not None
    if not prepositional and _PREMODIFIER.fullmatch(text, group.end, head.start):
        return True
    subject = _OPENS_CLAUSE.search(before) is not None and _SUBJECT.match(behind) is not None
    return subject and not compiled(r"[;.]").search(text[group.end : head.start])


def _previous(text: str, group: LevelGroup, heads: Sequence[Hit]) -> int | None:
    place = next((i for i in range(len(heads) - 1, -1, -1) if heads[i].end <= group.start), None)
    if place is None or _BREAK.search(text[heads[place].end : group.start]):
        return None
    return place


def _share(text: str, heads: Sequence[Hit], given: dict[int, list[LevelMention]], after: set[int]) -> None:
    """Heads named together ("laminectomy and durotomy from T12 to L2") share the levels behind the last of them."""
    _share_with(text, heads, given, after)
    for place in range(len(heads) - 1, 0, -1):
        first, second = heads[place - 1], heads[place]
        between = text[first.end : second.start] if first.end <= second.start else ""
        if not _COORDINATED.fullmatch(between):
            continue
        if first.term["group"] == "augmentation" and second.term["group"] == "operation":
            continue
        if place in given and place in after and place - 1 not in given:
            given[place - 1] = list(given[place])
            after.add(place - 1)


def _share_with(text: str, heads: Sequence[Hit], given: dict[int, list[LevelMention]], after: set[int]) -> None:
    """What is done "with" an operation is done at its levels."""
    for place in range(len(heads) - 1):
        first, second = heads[place], heads[place + 1]
        between = text[first.end : second.start]
        levels = given.get(place)
        if levels and place in after and place + 1 not in given and second.term["group"] == first.term["group"]:
            behind = text[levels[-1].end : second.start] if levels[-1].end <= second.start else None
            if behind is not None and compiled(r"\s*(?:level\s)?with\s(?:[\w-]+\s){0,3}").fullmatch(behind):
                given[place + 1] = list(levels)
        elif (
            levels
            and place not in after
            and place + 1 not in given
            and compiled(r"\s(?:and|with)\s(?:[\w-]+\s){0,1}").fullmatch(between)
        ):
            given[place + 1] = list(levels)
