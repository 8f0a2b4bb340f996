"""Where the sentences of a normalised paragraph begin and end."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?]+[\"')\]]*(?:\s*\[\d[\d,\s-]*\])?(\s+)(?=[\"'(\[]?[A-Z0-9À-Þ])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Figs?|al|vs|e\.g|i\.e|cf|Dr|Drs|Mr|Mrs|Ms|Prof|No|Nos|St|approx|ca|resp|Vol|Eds?|Ref|Refs|Tab|incl|min|"
    r"max|fig|figs|viz|dept|c\.c)|(?:^|[\s(])[A-Z](?:\.[A-Z])*)\.$"
)

LONGEST = 1_500
"""Characters: no author writes a longer sentence. What has no full stop (a list, noise) is cut here, so that the time a
sentence takes has a bound."""


def sentence_bounds(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without the blanks around it; a full stop after an abbreviation ends none."""
    bounds: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        end = match.start(1)
        if text[match.start()] == "." and _ABBREVIATION.search(text, max(start, match.start() - 12), match.start() + 1):
            continue
        _append(bounds, text, start, end)
        start = match.end()
    _append(bounds, text, start, len(text))
    return bounds


def _append(bounds: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    while end - start > LONGEST:
        cut = text.rfind(" ", start + 1, start + LONGEST)
        cut = start + LONGEST if cut < 0 else cut
        bounds.append((start, cut))
        start = cut + (text[cut] == " ")
    if start < end:
        bounds.append((start, end))
