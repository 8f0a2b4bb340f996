"""Patients introduced in one breath: "two sisters of 71 and 75", "a brother and sister, 66 and 70 years old", "a man of
66 and a woman of 70"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import of_others
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import Person, find_people

_AGES = (
    r"(?P<ages>\d{2}(?:\s?,\s\d{2})*,?\s(?:and|&)\s\d{2})\b"
    r"(?!\s?(?:days|weeks|months|%|ml|mm|cc|patients|cases|levels))"
)
_MANY = compiled(
    r"\b(?:two|three|four|both|a\scouple\sof)\s(?:[\w-]+\s){0,2}?"
    r"(?P<who>sisters|brothers|women|men|ladies|gentlemen|females|males|patients|siblings|twins)"
    rf"[\s,(]*(?:who\swere\s|both\s)?(?:of|aged|ages?)?\s?{_AGES}",
    re.IGNORECASE,
)
_PAIR = compiled(
    r"\b(?:an?|the)\s(?:[\w-]+\s)?(?P<one>[a-z]+)\sand\s(?:an?\s|the\s|his\s|her\s)?(?:[\w-]+\s)?(?P<two>[a-z]+)"
    rf"[\s,(]*(?:who\swere\s|both\s)?(?:of|aged|ages?)?\s?{_AGES}",
    re.IGNORECASE,
)
_IN_BRACKETS = compiled(
    r"\bthe\s(?P<one>[a-z]+)\s?\(\s?(?P<a>\d{2})(?:\syears)?\).{5,120}?\bthe\s(?P<two>[a-z]+)\s?\(\s?(?P<b>\d{2})(?:\syears)?\)",
    re.IGNORECASE,
)
_ONE_NOUN = compiled(
    r"\ban?\s(?P<a>\d{2})[\s-]years?[\s-]old\s(?:and|&)\san?\s(?P<b>\d{2})[\s-]years?[\s-]old\s(?P<who>[a-z]+)",
    re.IGNORECASE,
)
_BETWEEN = compiled(r"(?:\s?\([^()]{1,60}\))?[\s),]*\s?(?:and|&)\s(?:an?\s|another\s)?(?:[\w-]+\s){0,3}", re.IGNORECASE)
_BY_AGE = compiled(
    r"^(?:In\s|For\s)?[Tt]he\s(?:(?P<elder>elder|older)|(?P<younger>younger))\b(?!\s(?:adult|population|group|patients))"
)
_NUMBER = compiled(r"\d{2}")


def find_together(text: str) -> tuple[Person, ...]:
    """The persons, each with an age of its own and the sex of all or of its own; none of other authors."""
    if of_others(text):
        return ()
    found = _many(text) or _one_noun(text) or _pair(text) or _in_brackets(text) or _joined(text)
    ages = [person.age for person in found]
    return tuple(found) if len(found) > 1 and len(set(ages)) == len(ages) else ()


def meant_by_age(text: str, ages: list[Decimal | None]) -> int | None:
    """The place of the patient that "the elder" or "the younger" at the beginning of a sentence means."""
    match = _BY_AGE.match(text)
    known = [age for age in ages if age is not None]
    if match is None or len(known) != 2 or len(ages) != 2:
        return None
    return ages.index(max(known) if match["elder"] else min(known))


def _many(text: str) -> list[Person]:
    match = _MANY.search(text)
    if match is None:
        return []
    sexed = _sex(match["who"]) is not None
    return [
        Person(*at, sex=_sex(match["who"]), sex_at=match.span("who") if sexed else None, age=age, age_at=at)
        for at, age in _ages(match)
    ]


def _one_noun(text: str) -> list[Person]:
    """ "A 58-year-old and an 81-year-old woman"."""
    match = _ONE_NOUN.search(text)
    sex = _sex(match["who"]) if match is not None else None
    if match is None or sex is None:
        return []
    return [
        Person(*match.span(name), sex=sex, sex_at=match.span("who"), age=Decimal(match[name]), age_at=match.span(name))
        for name in ("a", "b")
    ]


def _pair(text: str) -> list[Person]:
    for match in _PAIR.finditer(text):
        ages = _ages(match)
        if len(ages) == 2 and all(_sex(match[name]) for name in ("one", "two")):
            return [
                Person(*at, sex=_sex(match[name]), sex_at=match.span(name), age=age, age_at=at)
                for name, (at, age) in zip(("one", "two"), ages, strict=True)
            ]
    return []


def _in_brackets(text: str) -> list[Person]:
    match = _IN_BRACKETS.search(text)
    if match is None or not all(_sex(match[name]) for name in ("one", "two")):
        return []
    return [
        Person(
            *match.span(age),
            sex=_sex(match[name]),
            sex_at=match.span(name),
            age=Decimal(match[age]),
            age_at=match.span(age),
        )
        for name, age in (("one", "a"), ("two", "b"))
    ]


def _joined(text: str) -> list[Person]:
    """ "A 66-year-old man and a 70-year-old woman"."""
    people = [person for person in find_people(text) if person.age is not None]
    if len(people) < 2 or any(not _BETWEEN.fullmatch(text, one.end, two.start) for one, two in pairwise(people)):
        return []
    return people


def _ages(match: re.Match[str]) -> list[tuple[tuple[int, int], Decimal]]:
    start = match.start("ages")
    return [((start + n.start(), start + n.end()), Decimal(n[0])) for n in _NUMBER.finditer(match["ages"])]


def _sex(word: str) -> str | None:
    """The sex a noun tells, also one of kin."""
    hits: Sequence[Hit] = lexicon("people").find(f"her {word}")
    for hit in hits:
        if hit.code in ("male", "female"):
            return hit.code
    return next((term.code for term in lexicon("kin").terms if word.lower() in term.words), None)
