"""Words that look like a harm and are none."""

from __future__ import annotations

import re

from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import compiled

_CEMENT = compiled(r"\b(?:cement|poly-?methyl-?\s?meth?acrylate|polymethylmetacrylate|PMMA)\b", re.IGNORECASE)
_FLUID = compiled(
    r"\b(?:contrast|medium|dye|CSF|cerebrospinal|spinal\sfluid|urine|blood|air|chyle|balloon)\b[^.;,]{0,25}$",
    re.IGNORECASE,
)
_FELL_TO = compiled(r"\bto\s(?P<systolic>\d{2,3})\b")
_HYPOTENSIVE = 100
"""mm Hg: a systolic pressure that falls to this or more is not low."""
_REACH = 45
_NOT = compiled(r"\b(?:not|never|no|nor|without|neither)\b", re.IGNORECASE)
_SAID_WITH_NOT = ("neurological-deficit", "death", "other", "finding")
""" "Could not move the legs", "could not be saved": a harm told by what is not so."""


def is_no_harm(text: str, hit: Hit) -> bool:
    """Whether it is a leak of something else, a fall to a normal pressure, an infection of another organ."""
    return _of_another_fluid(text, hit) or _still_normal(text, hit) or _infected_elsewhere(text, hit)


def _of_another_fluid(text: str, hit: Hit) -> bool:
    """A leak of contrast, spinal fluid, blood or air is no leak of cement."""
    if hit.code != "leak" or _CEMENT.search(text, hit.start, hit.end):
        return False
    return _FLUID.search(text, max(0, hit.start - 40), hit.start) is not None


def _infected_elsewhere(text: str, hit: Hit) -> bool:
    """ "Urinary tract infection", "sepsis from the port": no infection of what was operated on."""
    if hit.code != "infection":
        return False
    return any(
        (0 <= hit.start - other.end <= 1) or (0 <= other.start - hit.end <= 1)
        for other in lexicon("infected-elsewhere").find_all(text)
    )


def _still_normal(text: str, hit: Hit) -> bool:
    if hit.code != "hypotension" or "pressure" not in text[hit.start : hit.end].lower():
        return False
    level = _FELL_TO.search(text, hit.end, hit.end + _REACH)
    return level is not None and int(level["systolic"]) >= _HYPOTENSIVE


def denied_inside(text: str, code: str, start: int, end: int) -> bool:
    """ "Cement container not dislodged": the words of the harm themselves hold the denial."""
    return code not in _SAID_WITH_NOT and _NOT.search(text, start, end) is not None
