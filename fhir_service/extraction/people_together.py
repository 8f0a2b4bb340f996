"""Two patients introduced in one breath: "two sisters of 71 and 75", and which of them a later sentence means."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import Person

_TWO = compiled(
    r"\b(?:two|both|a\scouple\sof)\s(?:[\w-]+\s){0,2}?(?P<who>sisters|brothers|women|men|ladies|gentlemen|females|males|patients|siblings|twins)"
    r"[\s,(]*(?:who\swere\s|both\s)?(?:of|aged|ages?)?\s?(?P<a>\d{2})(?:\syears)?\s(?:and|&)\s(?P<b>\d{2})\b(?!\s?(?:days|weeks|months|%|ml|mm))",
    re.IGNORECASE,
)
_BY_AGE = compiled(
    r"^(?:In\s|For\s)?[Tt]he\s(?:(?P<elder>elder|older)|(?P<younger>younger))\b(?!\s(?:adult|population|group|patients))"
)


def find_pair(text: str) -> tuple[Person, ...]:
    """The two persons, each with an age of its own and the sex of both."""
    match = _TWO.search(text)
    if match is None or match["a"] == match["b"]:
        return ()
    noun = next((hit for hit in lexicon("people").find(match["who"])), None)
    sexed = noun is not None and noun.code in ("male", "female")
    return tuple(
        Person(
            *match.span(name),
            sex=noun.code if noun is not None and sexed else None,
            sex_at=match.span("who") if sexed else None,
            age=Decimal(match[name]),
            age_at=match.span(name),
        )
        for name in ("a", "b")
    )


def meant_by_age(text: str, ages: list[Decimal | None]) -> int | None:
    """The place of the patient that "the elder" or "the younger" at the beginning of a sentence means."""
    match = _BY_AGE.match(text)
    known = [age for age in ages if age is not None]
    if match is None or len(known) != 2 or len(ages) != 2:
        return None
    return ages.index(max(known) if match["elder"] else min(known))
