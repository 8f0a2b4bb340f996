"""The words of a sentence that speak of one number in it."""

from __future__ import annotations

import re

from fhir_service.extraction.cohort_numbers import Count, Share
from fhir_service.extraction.patterns import compiled

_ITEM_START = compiled(r"[,;:(]\s|\b(?:including|such\sas|and|that|found|reported)\s", re.IGNORECASE)
_LIST_START = compiled(_ITEM_START.pattern + r"|\b(?:were|are)\s", re.IGNORECASE)
"""`Complications were leakage (8.1%), ...`: what is listed with its percentage in brackets."""
_ITEM_END = compiled(r",(?!\d)|[;)]|\.$|\s(?:and|while|whereas|but)\s(?=\S)")
_POPULATION = compiled(
    r"\s?(?:\)\s?)?(?:of|in|among|after)\s(?:the\s|all\s|those\s)?"
    r"(?:(?!(?:and|or|in|but|had|has|have|need|needs|were|was|is|are|who|after|for|on|at|by|by|while|which)\b)[\w-]+\s?){1,4}",
    re.IGNORECASE,
)
_LONGEST = 110


def item(text: str, start: int, end: int) -> tuple[int, int]:
    """The words of a list or clause that speak of this number."""
    inside = text.rfind("(", 0, start) > text.rfind(")", 0, start)
    limit = text.rfind("(", 0, start) if inside and text[start - 1] == "(" else start
    first = 0
    for match in (_LIST_START if limit < start else _ITEM_START).finditer(text, 0, limit):
        if not (match[0].strip().lower() == "and" and compiled(r"\d\s?%?\s$").search(text, 0, match.start() + 1)):
            first = match.end()
    close = _ITEM_END.search(text, end)
    last = close.start() if close else len(text)
    if close and close[0] == ")" and limit < start:
        last = close.end()
        predicate = compiled(r"\s(?=[a-z])(?!and\b|or\b)").match(text, last)
        following = _ITEM_END.search(text, last + 1) if predicate else None
        if predicate:
            last = following.start() if following else len(text)
    return _not_too_long(text, first, last, start, end)


def _not_too_long(text: str, first: int, last: int, start: int, end: int) -> tuple[int, int]:
    if last - end > (_LONGEST if "(" in text[end:last] else _LONGEST // 2):
        last = text.rfind(" ", end, end + _LONGEST // 2) if " " in text[end : end + _LONGEST // 2] else last
    if start - first > _LONGEST:
        first = text.find(" ", start - _LONGEST, start) + 1
    return first, max(last, end)


def population_of(text: str, share: Share) -> str | None:
    """Of whom a percentage is, where the words right behind it say so."""
    match = _POPULATION.match(text, share.end)
    return clean(match[0]) if match else None


def clean(part: str) -> str:
    """A part of a sentence without the conjunction it begins with and the brackets it cuts in two."""
    part = compiled(r"^(?:and|that|whereas|but)\s").sub("", part.strip(" ,.;:"))
    for opening, closing in ("()", "[]"):
        if part.count(opening) > part.count(closing):
            part = part[: part.rfind(opening)]
        elif part.count(closing) > part.count(opening):
            part = part.replace(closing, "", 1)
    return part.strip(" ,.;:")


def clause(text: str, count: Count) -> tuple[int, int]:
    """The clause that speaks of a count."""
    start, end = 0, len(text)
    for match in compiled(r"[,;:(]\s|\bthat\s").finditer(text, 0, count.start):
        start = match.end()
    close = compiled(r",(?!\d)|[;)]|\s(?:whereas|while|but|despite)\s").search(text, count.end)
    if close:
        end = close.start()
    return _not_too_long(text, start, end, count.start, count.end)
