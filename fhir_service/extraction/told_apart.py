"""Which of the patients told of together a sentence, or a part of it, speaks of: "the man ...; the woman ...",
"the elder", "she", "L1 and T12, respectively"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from fhir_service.extraction.document import Sentence, joined
from fhir_service.extraction.levels import find_groups, find_levels
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import Person
from fhir_service.extraction.words import Words

_NAMED = compiled(
    r"\b(?:the|our|this)\s(?:(?:other|elderly|male|female|first|second)\s)?(?P<noun>[a-z]+)\b", re.IGNORECASE
)
_PRONOUN = compiled(
    r"(?:^|;\s|,\s(?:and|while|whereas|but)\s)(?:(?P<male>he|his|in\shim)|(?P<female>she|her|in\sher))\b", re.IGNORECASE
)
_KIN = compiled(
    r"(?:\b(?:in|of|with|for)\s)?\b(?:the|his|her|a)\s(?P<noun>brother|sister|husband|wife|mother|father|son|daughter|aunt|uncle|cousin|niece|nephew|grand\w+)"
    r"(?:\s?\(\d{2}[^()]*\))?[\s,:]*",
    re.IGNORECASE,
)
_ORDERED = compiled(
    r"\b(?:the|our)\s(?:(?P<n0>first|former)|(?P<n1>second|latter)|(?P<n2>third)|(?P<n3>fourth)|(?P<elder>elder|older)|(?P<younger>younger))"
    r"(?:\s(?:patient|case|man|woman|lady|gentleman|one|of\s(?:them|these|the\stwo)))?"
    r"(?=[,;.:]|$|\s(?:had|has|was|is|did|does|could|can|developed|received|underwent|died|recovered|needed|required|remained|remains|"
    r"became|suffered|showed|presented|came|returned|complained|got|went|lost|felt|walked|walks|made|experienced|noticed|broke|"
    r"fractured|at|and|an?|with)\b)",
    re.IGNORECASE,
)
_BY_LEVEL = compiled(
    r"\bthe\s(?P<level>(?:Th|[TDLC])-?\d{1,2})(?:\s(?:vertebroplasty|kyphoplasty))?\s(?:patient|case|man|woman|lady|gentleman)\b"
)
_JOINT = compiled(r";\s|,\s(?:and|while|whereas|but)\s|\s(?:while|whereas)\s|,\s|\sand\s")
_RESPECTIVELY = compiled(r"\brespectively\b", re.IGNORECASE)
_LEVEL = compiled(r"(?:T|Th|D|L|C)-?\d")
_JOIN = compiled(r"\s?(?:,|,?\s(?:and|&))\s?")


@dataclass(frozen=True)
class Apart:
    """The persons told of together, in their order."""

    people: tuple[Person, ...]
    nouns: tuple[str, ...]
    """What each was called where they were introduced."""
    levels: tuple[frozenset[str], ...] = ()
    """The vertebrae named where each was introduced."""

    @classmethod
    def of(cls, text: str, people: Sequence[Person]) -> Apart:
        return cls(tuple(people), tuple(text[slice(*p.sex_at)].lower() if p.sex_at else "" for p in people))

    @classmethod
    def known(cls, told: Sequence[tuple[str, Person, frozenset[str]]]) -> Apart:
        """Of patients introduced one after the other: the sentence, the person, and the vertebrae told of each."""
        nouns = (text[slice(*p.sex_at)].lower() if p.sex_at else "" for text, p, _ in told)
        return cls(tuple(p for _, p, _ in told), tuple(nouns), tuple(levels for *_, levels in told))

    def parts(self, sentence: Sentence) -> list[tuple[int | None, Sentence]]:
        """The parts of a sentence, each with the place of the patient it names; None where it names nobody alone."""
        text = sentence.text
        named = sorted(self._named(text))
        if not named:
            return [(None, sentence)]
        cuts, places = [0], [named[0][1]]
        for (before, one), (after, other) in pairwise(named):
            if other == one:
                continue
            joints = list(_JOINT.finditer(text, before, after))
            if not joints:
                return [(None, sentence)]
            cuts.append(joints[-1].end())
            places.append(other)
        ends = [*cuts[1:], len(text)]
        return [(place, self._own(sentence, a, b)) for place, a, b in zip(places, cuts, ends, strict=True)]

    def _own(self, sentence: Sentence, start: int, end: int) -> Sentence:
        """A part without the word of kin that names the patient: it is no relative of the patient's."""
        match = _KIN.search(sentence.text, start, end)
        if match is None or self._called(match["noun"].lower()) is None:
            return _part(sentence, start, end)
        ahead = match.start() - start <= end - match.end()
        return _part(sentence, match.end(), end) if ahead else _part(sentence, start, match.start())

    def _named(self, text: str) -> Iterator[tuple[int, int]]:
        """(position, place) of every word that means one of them."""
        for match in _NAMED.finditer(text):
            place = self._called(match["noun"].lower())
            if place is not None:
                yield match.start(), place
        for match in _BY_LEVEL.finditer(text):
            codes = frozenset(code for level in find_levels(match["level"]) for code in level.codes)
            there = [place for place, levels in enumerate(self.levels) if codes & levels]
            if len(there) == 1:
                yield match.start(), there[0]
        for match in _ORDERED.finditer(text):
            place = self._ordered(match)
            if place is not None and place < len(self.people):
                yield match.start(), place
        for match in _PRONOUN.finditer(text):
            sex = "male" if match["male"] else "female"
            same = [place for place, person in enumerate(self.people) if person.sex == sex]
            if len(same) == 1:
                yield match.start("male" if match["male"] else "female"), same[0]

    def _called(self, noun: str) -> int | None:
        if noun in self.nouns and self.nouns.count(noun) == 1:
            return self.nouns.index(noun)
        sex = next((term.code for term in lexicon("kin").terms if noun in term.words), None)
        same = [place for place, person in enumerate(self.people) if sex is not None and person.sex == sex]
        return same[0] if len(same) == 1 else None

    def _ordered(self, match: re.Match[str]) -> int | None:
        if match["elder"] or match["younger"]:
            ages = [person.age or 0 for person in self.people]
            return ages.index(max(ages) if match["elder"] else min(ages)) if len(ages) == 2 else None
        return next(place for place in range(4) if match[f"n{place}"])

    def introduced(self, text: str, sentence: Sentence) -> list[Sentence]:
        """The introducing sentence for each of them, behind the words that name them: of lists that are theirs
        "respectively" each has its own item, of clauses its own."""
        count = len(self.people)
        starts = [*(person.start for person in self.people), len(sentence.text)]
        own = [_part(sentence, one, other) for one, other in pairwise(starts)]
        if starts == sorted(starts) and all(_augmentations(part.text) for part in own):
            return own
        parts = [part for place, part in self.parts(sentence) if place is not None]
        both = _RESPECTIVELY.search(sentence.text)
        if (
            both is None
            and len(parts) == count
            and all(_augmentations(part.text) or find_groups(part.text) for part in parts)
        ):
            return [_with_augmentation(text, sentence, part) for part in parts]
        told = len(sentence.text) if both is None or not parts else both.end()
        behind = _part(sentence, min(told, max(person.end for person in self.people)), told)
        lists = [items for items in _lists(behind.text) if len(items) == count]
        if both is None:
            shared = [items for items in lists if _LEVEL.match(behind.text, items[0][0])]
            return [_with_items(text, behind, shared, None)] * count
        return [_with_items(text, behind, lists, place) for place in range(count)]


def _augmentations(text: str) -> list[tuple[int, int]]:
    return [(h.start, h.end) for h in lexicon("procedures").find(text) if h.term["group"] == "augmentation"]


def _with_augmentation(text: str, sentence: Sentence, part: Sentence) -> Sentence:
    """ "The husband had vertebroplasty of L2 and the wife of T11": the second had it too."""
    named = _augmentations(sentence.text)
    if _augmentations(part.text) or not named:
        return part
    return _whole(text, sentence, [_part(sentence, *named[0]), part])


def _part(sentence: Sentence, start: int, end: int) -> Sentence:
    text = sentence.text[start:end]
    return msgspec.structs.replace(
        sentence, first=sentence.first + start, last=sentence.first + start + len(text), text=Words(text)
    )


def _lists(text: str) -> Iterator[list[tuple[int, int]]]:
    """Levels, augmentations and amounts named one after the other."""
    for group in find_groups(text):
        yield [(mention.start, mention.end) for mention in group.mentions]
    for found in (
        _augmentations(text),
        [
            m.span()
            for m in compiled(r"(?<![\w.])\d+(?:\.\d+)?(?:\s?(?:ml|cc|weeks|days|months|hours))?(?![\w.])").finditer(
                text
            )
        ],
    ):
        run: list[tuple[int, int]] = []
        for at in found:
            if run and not _JOIN.fullmatch(text, run[-1][1], at[0]):
                yield run
                run = []
            run.append(at)
        yield run


def _with_items(
    text: str, sentence: Sentence, lists: Sequence[Sequence[tuple[int, int]]], place: int | None
) -> Sentence:
    """The sentence without the items of the others; without any where nothing says whose they are."""
    kept: list[Sentence] = []
    start = 0
    for items in sorted(lists, key=lambda items: items[0]):
        if items[0][0] < start:
            continue
        kept += [_part(sentence, start, items[0][0]), *([] if place is None else [_part(sentence, *items[place])])]
        start = items[-1][1]
    return _whole(text, sentence, [*kept, _part(sentence, start, len(sentence.text))])


def _whole(text: str, sentence: Sentence, parts: Sequence[Sentence]) -> Sentence:
    whole = joined(text, [part for part in parts if part.text.strip()], sentence.section)
    return msgspec.structs.replace(
        whole,
        index=sentence.index,
        paragraph=sentence.paragraph,
        heading=sentence.heading,
        in_abstract=sentence.in_abstract,
    )
