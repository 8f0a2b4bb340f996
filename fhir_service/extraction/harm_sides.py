"""The side a harm is on, as its own words or those right beside them name it."""

from __future__ import annotations

import re

from fhir_service.extraction.harms import Harm
from fhir_service.extraction.patterns import compiled

_SIDE_BEHIND = compiled(r"\s(?:on|of|in|at)\s(?:the\s|her\s|his\s)?(?P<side>right|left|both)\b", re.IGNORECASE)
_SIDE_REACH = 25
_JOIN = compiled(r"[,;]\s|\s(?:and|or|also|plus|as\swell\sas)\s", re.IGNORECASE)
_CHAMBER = compiled(r"\s(?:atri|ventric|heart|coronary)", re.IGNORECASE)
_INFARCT = compiled(r"\binfarct\w*\s(?:of|in)\s(?:the\s)?$", re.IGNORECASE)
_SIDE = compiled(r"\b(?P<side>right|left|both|bilateral(?:ly)?)\b", re.IGNORECASE)


def side_of(harm: Harm) -> tuple[str, int, int] | None:
    """The side named in the harm's own words, right before or right behind them.

    In a list of sites each has a side of its own, so the last one counts alone; a chamber of the heart has none.
    """
    text = harm.sentence.text
    own = max((join.end() for join in _JOIN.finditer(text, harm.start, harm.end)), default=harm.start)
    first = own if own > harm.start else max(0, own - _SIDE_REACH)
    if own == harm.start:
        first = max((join.end() for join in _JOIN.finditer(text, first, own)), default=first)
    named = [match for match in _SIDE.finditer(text, first, harm.end) if not _of_something_else(text, match)]
    match = named[-1] if named else _SIDE_BEHIND.match(text, harm.end)
    if match is None:
        return None
    words = match["side"].lower()
    return ("bilateral" if words.startswith(("both", "bilateral")) else words), match.start(), match.end()


def _of_something_else(text: str, side: re.Match[str]) -> bool:
    return _CHAMBER.match(text, side.end()) is not None or _INFARCT.search(text, 0, side.start()) is not None
