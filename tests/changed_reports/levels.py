"""All vertebrae of a text moved up or down the spine together, in every notation."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

SPINE = [f"{region}{n}" for region, last in (("C", 7), ("T", 12), ("L", 5), ("S", 2)) for n in range(1, last + 1)]
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
_ORDINALS += ["tenth", "eleventh", "twelfth"]
_REGIONS = {"cervical": "C", "thoracic": "T", "dorsal": "T", "lumbar": "L", "sacral": "S"}
_ONE = r"(?:Th|[TDLSC])[-\u2010\u2011 ]?(?:1[0-2]|[1-9])(?!\d)"
_IMAGE = r"(?:w\b|weight|imag|signal|hyper|hypo|sequence|STIR|WI|relax)"
_NO_LEVEL = rf"(?![-\u2010\u2011\s]*(?:and\sT2|/T2)?[-\u2010\u2011\s]*{_IMAGE})(?!\.\d)(?![A-Za-z])"
_PAIRED = r"L(?:12|23|34|45)(?!\d)"
_LEVEL = re.compile(rf"(?<![\w.])(?:{_PAIRED}|{_ONE}){_NO_LEVEL}")
_NEXT = re.compile(
    r"(?P<sep>\s?[-–\u2010\u2011/]\s?|\s?,\s|\s(?:to|and)\s)(?P<n>1[0-2]|[1-9])(?=\s?(?:-|–|/|,|to|and)\s?(?:Th|[TDLS])\d|"
    r"(?:\s(?:vertebra|level|body|bodies|disc|fusion))|[).;:,]|\s(?!\d)[a-z]|$)"
)
_GLUED = re.compile(r"(?P<sep>[-–\u2010\u2011/])(?P<n>1[0-2]|[1-9])(?![\d.]\d|\d)")
_NTH = rf"(?:{'|'.join(_ORDINALS)}|1[0-2]th|[4-9]th|1st|2nd|3rd|\d\((?:st|nd|rd|th)\))"
_SPOKEN = re.compile(
    rf"(?<!\w)(?P<first>{_NTH})(?:(?P<and>\s+(?:and|to)\s+)(?P<second>{_NTH}))?(?P<gap>\s+(?:\([^()]*\)\s)?)"
    rf"(?P<region>{'|'.join(_REGIONS)})\b",
    re.IGNORECASE,
)


class OffTheSpineError(ValueError):
    """A vertebra would leave the spine."""


@dataclass(frozen=True)
class Shift:
    by: int
    thoracic: str

    def place(self, region: str, number: int) -> tuple[str, int]:
        place = SPINE.index(f"{region}{number}") + self.by
        if not SPINE.index("T2") <= place <= SPINE.index("S2"):
            raise OffTheSpineError
        return SPINE[place][0], int(SPINE[place][1:])

    def written(self, code: tuple[str, int], was: str, join: str) -> str:
        letter = (was if was in ("T", "Th", "D") else self.thoracic) if code[0] == "T" else code[0]
        return f"{letter}{join}{code[1]}"

    def text(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while match := _LEVEL.search(text, at):
            out.append(text[at : match.start()])
            words, at = self._group(text, match)
            out.append(words)
        return _SPOKEN.sub(self._spoken, "".join([*out, text[at:]]))

    def _group(self, text: str, match: re.Match[str]) -> tuple[str, int]:
        found = match[0]
        if re.fullmatch(_PAIRED, found):
            pair = [self.place("L", int(n)) for n in found[1:]]
            short = pair[0][0] == pair[1][0] == "L"
            words = f"L{pair[0][1]}{pair[1][1]}" if short else "-".join(self.written(p, "T", "") for p in pair)
            return words, match.end()
        prefix = "Th" if found.startswith("Th") else found[0]
        number = re.sub(r"\D", "", found)
        join = found[len(prefix) : len(found) - len(number)]
        region = "T" if prefix in ("T", "Th", "D") else prefix
        if region == "C" or f"{region}{number}" not in SPINE:
            return found, match.end()
        code = self.place(region, int(number))
        words, at = self.written(code, prefix, join), match.end()
        while (more := _GLUED.match(text, at) or _NEXT.match(text, at)) and f"{region}{more['n']}" in SPINE:
            if re.match(r"\s?(?:weeks?|days?|months?|years?|h\b|hours|ml|mL|cc|cm|mm|%|of\s)", text[more.end() :]):
                break
            after = self.place(region, int(more["n"]))
            words += more["sep"] + (str(after[1]) if after[0] == code[0] else self.written(after, prefix, join))
            code, at = after, more.end()
        return words, at

    def _spoken(self, match: re.Match[str]) -> str:
        region = _REGIONS[match["region"].lower()]
        if region == "C":
            return match[0]
        codes = [self.place(region, _ordinal(match[n])) for n in ("first", "second") if match[n]]
        names = [next(k for k, v in _REGIONS.items() if v == code[0]) for code in codes]
        if match["region"].lower() == "dorsal":
            names = ["dorsal" if name == "thoracic" else name for name in names]
        said = [_said(code[1], match["first"]) for code in codes]
        if len(codes) == 1:
            return f"{said[0]}{match['gap']}{names[0]}"
        first = said[0] if names[0] == names[1] else f"{said[0]} {names[0]}"
        return f"{first}{match['and']}{said[1]}{match['gap']}{names[1]}"


def _ordinal(word: str) -> int:
    return int(re.sub(r"\D", "", word)) if word[0].isdigit() else _ORDINALS.index(word.lower()) + 1


def _said(number: int, like: str) -> str:
    if like[0].isdigit():
        return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"
    word = _ORDINALS[number - 1]
    return word.capitalize() if like[0].isupper() else word


def shifted(text: str, chance: random.Random) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """What moves the levels of this text, and what moves those of its annotation, which writes T for thoracic."""
    styles = [style for style in ("Th", "D", "T") if re.search(rf"\b{style}-?(?:1[0-2]|[4-9])\b", text)]
    steps = [-3, -2, -1, 1, 2, 3]
    chance.shuffle(steps)
    for by in steps:
        shift = Shift(by, styles[0] if styles else "T")
        try:
            shift.text(text)
        except OffTheSpineError:
            continue
        return shift.text, Shift(by, "T").text
    return str, str
