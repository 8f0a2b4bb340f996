"""Other measured values and other volumes of cement."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

_NAMES = {
    "vas": r"VAS|visual analog\w* (?:scale|score)",
    "nrs": r"NRS|numeric\w* rating",
    "odi": r"ODI|Oswestry",
    "crp": r"CRP|C-reactive",
    "esr": r"ESR|sedimentation",
    "wbc": r"WBC|white (?:blood )?cell|leu[ck]ocyt\w+",
    "hemoglobin": r"Hb|ha?emoglobin",
    "alt": r"ALT|alanine",
    "t-score": r"T-score",
    "spo2": r"satur\w+|SpO2",
    "heart-rate": r"heart rate|pulse|HR",
    "temperature": r"temperature|fever|febrile",
    "creatinine": r"creatinine",
    "inr": r"INR",
    "tryptase": r"tryptase",
    "lvef": r"ejection fraction|LVEF",
}
_TOP = {"vas": 10, "nrs": 10, "odi": 100, "spo2": 99, "lvef": 80}
_NUMBER = re.compile(
    r"(?<![\w.,/<>≤≥(-])(?<![<>≤≥]\s)(?<!of\s)\d{1,3}(?:,\d{3})+(?![\d.])|(?<![\w.,/<>≤≥])(?<!\d\sto\s)(?<!\d[-–])(?<![<>≤≥]\s)\d+(?:\.\d+)?(?![\d.,]\d|\d)"
)
_NOT_A_VALUE = re.compile(
    r"\s?(?:years?|weeks?|days?|months?|hours?|h\b|minutes?|min\b|st\b|nd\b|rd\b|th\b|-year|ml\b|cc\b|mL\b)"
)
_RANGE = re.compile(r"\s?(?:to|-|–)\s?\d")
_VOLUME = re.compile(r"(?<![\w.,])(\d{1,2}(?:\.\d{1,2})?)(?=(?:\s|-)?(?:m[lL]|cc|c\.c\.|cm3|cm³|millilit\w+)(?!\w))")


def other_volumes(text: str, volumes: Iterable[Any], chance: random.Random) -> dict[str, str]:
    """Another number for each printed volume up to 20 ml, all by the same factor, so that sums stay sums."""
    printed = {match[1] for match in _VOLUME.finditer(text) if Decimal(match[1]) <= 20}
    stated = {Decimal(str(volume)) for volume in volumes if volume is not None}
    if not stated or not stated <= {Decimal(one) for one in printed}:
        return {}
    factor = chance.choice([Decimal("0.5"), Decimal("1.5"), Decimal("0.8"), Decimal("1.2")])
    return {one: format((Decimal(one) * factor).normalize(), "f") for one in printed}


def with_volumes(text: str, new: dict[str, str]) -> str:
    return _VOLUME.sub(lambda m: new.get(m[1], m[1]), text)


def other_values(values: Iterable[tuple[str, str]], chance: random.Random) -> dict[tuple[str, str], str]:
    """For each (measure, printed number) another number of the same form, in the same order of size."""
    new: dict[tuple[str, str], str] = {}
    by_name: dict[str, set[str]] = {}
    for name, value in values:
        if name in _NAMES:
            by_name.setdefault(name, set()).add(value)
    for name, printed in by_name.items():
        ordered = sorted(printed, key=Decimal)
        if name in ("vas", "nrs"):
            picked = sorted(chance.sample(range(10), len(ordered)))
            new |= {(name, old): str(n) for old, n in zip(ordered, picked, strict=True)}
            continue
        factor = Decimal(str(round(chance.uniform(0.75, 1.3), 3)))
        if name in ("temperature", "spo2", "inr"):
            factor = Decimal(str(round(chance.uniform(0.97, 1.02), 3)))
        for old in ordered:
            places = Decimal(1).scaleb(Decimal(old).as_tuple().exponent)  # type: ignore[arg-type]  # finite
            changed = (Decimal(old) * factor).quantize(places)
            new[name, old] = str(min(changed, Decimal(_TOP.get(name, 10**9))))
    return new


def printed_as(value: Any) -> str | None:
    """A number as a text prints it; None where it is no plain number."""
    found = re.fullmatch(r"[-−]?\s?(\d+(?:\.\d+)?)", str(value))
    return found[1] if found else None


def with_values(text: str, new: dict[tuple[str, str], str]) -> tuple[str, set[tuple[str, str]]]:
    """The text with these values changed beside their names, and which were found."""
    found: set[tuple[str, str]] = set()
    changes: dict[tuple[int, int], str] = {}
    for name in {name for name, _ in new}:
        for named in re.finditer(
            rf"(?<![\w-])(?:{_NAMES[name]})(?![\w-])", text, re.IGNORECASE if name != "hemoglobin" else 0
        ):
            end = min(len(text), named.end() + 70)
            stop = re.search(
                r"[;.]\s|\n\n|\b(?:" + "|".join(p for n, p in _NAMES.items() if n != name) + r")\b",
                text[named.end() : end],
            )
            end = named.end() + stop.start() if stop else end
            for number in _NUMBER.finditer(text, named.end(), end):
                if number.span() in changes or any(p.match(text, number.end()) for p in (_NOT_A_VALUE, _RANGE)):
                    continue
                plain = number[0].replace(",", "")
                for old in (plain, f"{plain}.0", plain.removesuffix(".0")):
                    if (name, old) in new:
                        changed = new[name, old]
                        if "," in number[0]:
                            changed = f"{int(Decimal(changed)):,}"
                        changes[number.span()] = changed
                        found.add((name, old))
                        break
    left = {
        one.group().replace(",", "") for one in _NUMBER.finditer(text) if one.span() not in changes and len(one[0]) > 2
    }
    found = {(name, old) for name, old in found if old not in left}
    for (start, stop_), words in sorted(changes.items(), reverse=True):
        if text[start:stop_].replace(",", "") in left:
            continue
        text = text[:start] + words + text[stop_:]
    return text, found
