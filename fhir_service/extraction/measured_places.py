"""Where a measured value belongs in its sentence: the words about it, its side, the site of a score."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.extraction.analytes import Reading, readings
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import compiled

_GOES_ON = compiled(r"\s(?:at|on|after|before|in)\s")
"""`6 mg/L (normal < 5) at 3 months`."""
_PART_END = compiled(r"\s(?:and|but|while|whereas)\s|[,;.(]\s?(?!right|left|\d)|\sto\s(?=\d)")


def neighbourhood(text: str, reading: Reading, found: Sequence[Reading]) -> tuple[tuple[int, int], tuple[int, int]]:
    """(start, end) of the words before a number and behind it that speak of it and not of its neighbours."""
    numbers = sorted(r.quantity.start for r in found)
    place = numbers.index(reading.quantity.start)
    ends = {r.quantity.start: r.quantity.end for r in found}
    following = numbers[place + 1] if place + 1 < len(numbers) else len(text)
    after_end = _part_end(text, reading.quantity.end, following)
    before_start = 0
    if place:
        before_start = _part_end(text, ends[numbers[place - 1]], reading.quantity.start)
    return (before_start, reading.quantity.start), (reading.quantity.end, after_end)


def _part_end(text: str, start: int, end: int) -> int:
    """Where the words about a number end: behind brackets that follow it at once, else at the next joint."""
    brackets = compiled(r"\s?\([^()]*\)").match(text, start, end)
    if brackets and not _GOES_ON.match(text, brackets.end(), end):
        return brackets.end()
    cut = _PART_END.search(text, brackets.end() if brackets else start, end)
    return cut.start() if cut else end


def side_of(text: str, reading: Reading, found: Sequence[Reading]) -> str | None:
    """The side said behind the number in its part of the sentence, else before it."""
    before, after = neighbourhood(text, reading, found)
    following = _sides(text[after[0] : after[1]])
    if following:
        return following[0]
    preceding = _sides(text[before[0] : before[1]])
    return preceding[-1] if preceding else None


def _sides(part: str) -> list[str]:
    return [hit.code for hit in lexicon("sites").find(part) if hit.term["kind"] == "side"]


def site_of(text: str, reading: Reading) -> str | None:
    """Where a T-score was taken: beside the number, or in order where sites are listed before the numbers."""
    sites = [
        hit for hit in lexicon("sites").find(text) if hit.term["kind"] == "site" and not _inside(hit, reading.name)
    ]
    if not sites:
        return None
    scores = [r for r in readings(text) if r.name.code == reading.name.code]
    ranked = sorted({r.quantity.start for r in scores})
    listed = [hit for hit in sites if hit.end <= ranked[0]]
    between = [hit for hit in sites if ranked[0] < hit.start < ranked[-1]]
    if len(ranked) > 1 and len(listed) == len(ranked) and not between:
        own = listed[ranked.index(reading.quantity.start)]
        return text[own.start : own.end]
    _, after = neighbourhood(text, reading, scores)
    near = [hit for hit in sites if after[0] <= hit.start < after[1]] or [
        hit for hit in sites if hit.end <= reading.quantity.start
    ][-1:]
    return text[near[0].start : near[0].end] if near else None


def _inside(hit: Hit, name: Hit) -> bool:
    return name.start <= hit.start and hit.end <= name.end
