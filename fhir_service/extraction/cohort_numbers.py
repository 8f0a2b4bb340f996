"""Numbers that count people or are a share of them, as a sentence prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from fhir_service.extraction.analytes import readings
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.numbers import ORDINAL, WORD_NUMBER, number_of, ordinal_of
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.quantities import Quantity, number, quantities

_N = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,6}}|{WORD_NUMBER})"
_JOINT = compiled(r"\s?(?:to|-|and)\s?")
_SPREAD = compiled(r"\b(?:rang\w+|var(?:y|ies|ied)|between|anywhere|reported\sin)\b[^.;]{0,30}$", re.IGNORECASE)
_FRACTION = compiled(
    r"\s?[(\[]\s?(?P<n>\d{1,3}(?:,\d{3})+|\d{1,6})\s?(?:/|(?:out\s)?of)\s?(?P<of>\d{1,3}(?:,\d{3})+|\d{1,6})\b"
)
_AT_MOST = compiled(r"\b(?:up\sto|as\smuch\sas|as\shigh\sas|at\smost)\s$", re.IGNORECASE)


@dataclass(frozen=True)
class Share:
    """A percentage at `start` to `end`, a range of them, or a bound (`up to 65%` has only `high`).

    `of` is the fraction in brackets behind it (`0.5% (3/604)`).
    """

    start: int
    end: int
    low: Decimal | None
    high: Decimal | None = None
    of: tuple[Decimal, Decimal] | None = None

    @property
    def exact(self) -> Decimal | None:
        """The percentage, where it is one number."""
        return self.low if self.high is None and self.low is not None else None


@dataclass(frozen=True)
class Count:
    """People counted at `start` to `end`. `of` is the whole they are part of, where the print says it.

    `everyone`: all there are; `noun` the counted, empty where it is left out ("and one died"); `definite`: a group
    already told of.
    """

    start: int
    end: int
    value: Decimal
    of: Decimal | None = None
    everyone: bool = False
    rest: bool = False
    none: bool = False
    noun: str = ""
    definite: bool = False
    them: bool = False
    """"Two of them": of those just counted."""
    last_of: Decimal | None = None
    """"The fourth died": one, of four if there are four."""


def words(name: str) -> str:
    """The regular expression source of one class of cohorts.toml."""
    return lexicon("cohorts").pattern(name)


@dataclass(frozen=True)
class _Patterns:
    counted: Pattern
    """`four out of 251 patients`, `the other 247 patients`."""
    among: Pattern
    """`2 cases among 1,500 procedures`."""
    one_in: Pattern
    """`one in 300 levels`."""
    bare: Pattern
    """`four of 251`."""
    elliptic: tuple[Pattern, ...]
    """`and one died`, `complete in three;`, `only four with a deficit`: the noun is left out."""
    rest: Pattern
    last: Pattern
    """`the fourth died`: the last one of four."""
    none: Pattern
    whole: Pattern
    """`Of 251 patients ..., four developed`: what follows is a part of them."""


@cache
def _patterns() -> _Patterns:
    people, verb = words("people"), words("verb")
    total = rf"(?:out\s)?of\s(?:the\s|our\s|these\s|a\stotal\sof\s)?(?:our\s)?(?P<of>{_N})"
    adjectives = (
        r"(?:(?!(?:of|and|or|in|the|with|to|out|were|was|are|is|had|have|has|years?|weeks?|months?|days?|hours?)\b)"
        r"[\w-]+\s){0,3}?"
    )
    free = r"(?<![\w.,/%-])"
    return _Patterns(
        counted=compiled(
            rf"(?P<lead>(?:{words('everyone')}|{words('rest')}|{words('definite')})\s)?{free}(?P<n>{_N})\s?"
            rf"(?:{total}\s|/\s?(?P<slash>\d{{1,6}})\s)?(?P<noun>{adjectives}{people})",
            re.IGNORECASE,
        ),
        among=compiled(
            rf"{free}(?P<n>{_N})\s(?P<noun>{adjectives}{people})\s(?:among|out\sof|of|in)\s(?:the\s|our\s|a\stotal\sof\s)?(?P<of>{_N})\s"
            r"(?:[\w-]+\s){0,2}?(?:procedures|patients|operations|vertebrae|levels|vertebroplasties|kyphoplasties|cases)\b",
            re.IGNORECASE,
        ),
        one_in=compiled(
            rf"\b(?P<n>one|1)\s(?:(?:patient|case|woman|man|level|procedure|vertebra)\s)?(?:in|out\sof|of\severy)\s"
            rf"(?:about\s|roughly\s|nearly\s|every\s)?(?P<of>{_N})\b"
            r"(?!\s?(?:%|st|nd|rd|th|weeks?|months?|days?|years?|hours?|minutes?|mm|cm|ml|points?|of\b))",
            re.IGNORECASE,
        ),
        bare=compiled(
            rf"{free}(?P<n>{_N})\s{total}\b(?!\s?(?:%|weeks?|months?|days?|years?|hours?|mm|cm|ml|points?))",
            re.IGNORECASE,
        ),
        elliptic=(
            compiled(rf"(?:(?<=\sand\s)|(?<=,\s)|(?<=\()|(?<=;\s))(?P<n>{_N})\s{verb}", re.IGNORECASE),
            compiled(rf"\bin\s(?P<n>{_N})(?=\s?[;,.(]|\sof\sthem)", re.IGNORECASE),
            compiled(rf"\b(?P<n>{_N})\sof\sthem\b", re.IGNORECASE),
            compiled(rf"{free}(?P<n>{_N})\s(?=\(\d+(?:\.\d+)?\s?%\))", re.IGNORECASE),
            compiled(rf"\b(?:only|just|merely)\s(?P<n>{_N})(?=\s(?:with|of\sthem|had|were|was)\b)", re.IGNORECASE),
        ),
        rest=compiled(rf"\bthe\s(?:other|remaining)\s(?P<n>{_N})(?=\s?[.;,]|\s{verb})", re.IGNORECASE),
        last=compiled(rf"\bthe\s(?P<nth>{ORDINAL})\s(?:one\s|patient\s)?{verb}", re.IGNORECASE),
        none=compiled(
            r"\b(?:no|none\sof\sthe(?:m|se)?)\s(?P<noun>(?:[\w-]+\s)?(?:patients?|cases?|subjects?))\b", re.IGNORECASE
        ),
        whole=compiled(
            rf"(?:^|[;:]\s|\bthat\s)(?:of|among)\s(?:the\s|our\s|these\s)?(?P<n>{_N})\s{adjectives}{people}",
            re.IGNORECASE,
        ),
    )


def counts(text: str) -> list[Count]:
    """The people counted in a sentence, in order."""
    patterns = _patterns()
    found = [*_with_noun(text, patterns), *_without_noun(text, patterns)]
    for match in patterns.none.finditer(text):
        found.append(Count(match.start(), match.end(), Decimal(0), none=True, noun=match["noun"]))
    found.sort(key=lambda count: (count.start, -count.end))
    kept: list[Count] = []
    for count in found:
        if (not kept or count.start >= kept[-1].end) and not (count.of is not None and count.of < count.value):
            kept.append(count)
    return kept


def _with_noun(text: str, patterns: _Patterns) -> Iterator[Count]:
    for match in patterns.counted.finditer(text):
        lead = (match["lead"] or "").strip().lower()
        whole = match["of"] or match["slash"]
        value, of = _number(match["n"]), _number(whole) if whole else None
        each = value == 1 and of is not None and compiled(r"\b(?:every|each)\s$").search(text, 0, match.start("n"))
        yield Count(
            match.start("lead") if match["lead"] else match.start("n"),
            match.end(),
            of if each and of is not None else value,
            of=None if each else of,
            everyone=_is(lead, "everyone") or bool(each),
            rest=_is(lead, "rest"),
            noun=match["noun"],
            definite=bool(lead) and not _is(lead, "everyone") and not _is(lead, "rest"),
        )
    for match in patterns.among.finditer(text):
        yield Count(match.start(), match.end(), _number(match["n"]), of=_number(match["of"]), noun=match["noun"])
    for match in (*patterns.bare.finditer(text), *patterns.one_in.finditer(text)):
        yield Count(match.start(), match.end(), _number(match["n"]), of=_number(match["of"]))


def _without_noun(text: str, patterns: _Patterns) -> Iterator[Count]:
    whole = patterns.whole.search(text)
    for pattern in patterns.elliptic:
        for match in pattern.finditer(text):
            of = _number(whole["n"]) if whole and whole.end() <= match.start() else None
            them = match[0].lower().endswith("of them")
            yield Count(match.start("n"), match.end(), _number(match["n"]), of=None if them else of, them=them)
    for match in patterns.rest.finditer(text):
        yield Count(match.start(), match.end(), _number(match["n"]), rest=True)
    for match in patterns.last.finditer(text):
        yield Count(match.start(), match.end(), Decimal(1), last_of=Decimal(ordinal_of(match["nth"])))


def _is(lead: str, name: str) -> bool:
    return bool(lead) and compiled(words(name)).fullmatch(lead) is not None


def _number(printed: str) -> Decimal:
    return number(printed) if printed[0].isdigit() else number_of(printed)


def shares(text: str) -> list[Share]:
    """The percentages of a sentence that are shares of people; none of a measurement, a confidence or a size."""
    printed = [q for q in quantities(text) if q.second is None]
    if not any(_is_percent(q) for q in printed) or compiled(words("not_share")).search(text):
        return []
    measured = {reading.quantity.start for reading in readings(text)}
    found: list[Share] = []
    for place, quantity in enumerate(printed):
        if not _is_percent(quantity) or quantity.start in measured:
            continue
        before = printed[place - 1] if place else None
        if before is not None and before.high is None and _is_range(text, before, quantity):
            found = [share for share in found if share.start != before.start]
            found.append(Share(before.start, quantity.end, before.value, quantity.value))
        else:
            found.append(_share(text, quantity))
    return found


def _share(text: str, quantity: Quantity) -> Share:
    start, end = quantity.start, quantity.end
    if quantity.high is not None:
        return Share(start, end, quantity.value, quantity.high)
    if quantity.comparator in ("<", "<=") or _AT_MOST.search(text[:start]):
        return Share(start, end, None, quantity.value)
    fraction = _FRACTION.match(text, end)
    of = (number(fraction["n"]), number(fraction["of"])) if fraction else None
    return Share(start, end, quantity.value, None, of if quantity.comparator is None else None)


def _is_percent(quantity: Quantity) -> bool:
    return quantity.unit is not None and quantity.unit.code == "%"


def _is_range(text: str, low: Quantity, high: Quantity) -> bool:
    """`2.1% to 26%`, `ranges from 5 to 87%`; not `rose from 5 to 87%`, not `5% and 8%`."""
    joint = _JOINT.fullmatch(text, low.end, high.start)
    if joint is None or high.value <= low.value or not (low.unit is None or _is_percent(low)):
        return False
    spread = _SPREAD.search(text, 0, low.start) is not None
    if joint[0].strip() == "and":
        return text[: low.start].rstrip().endswith("between")
    return spread or (_is_percent(low) and not text[: low.start].rstrip().endswith("from"))
