"""Relative times as they are written: how long, before or after what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from fhir_service.extraction.numbers import NUMBER, ORDINAL, number_of, ordinal_of
from fhir_service.reports.case_report import Relation, RelativeTime
from fhir_service.reports.span import SourceSpan


class Anchor(StrEnum):
    """What a time is counted from, as far as its own words say."""

    PROCEDURE = "procedure"
    """The augmentation, named."""
    SURGERY = "surgery"
    """An operation, "postoperatively", "the procedure": which one depends on where the sentence stands."""
    DISCHARGE = "discharge"
    TREATMENT = "treatment"
    PREVIOUS = "previous"
    """Something told just before ("two weeks later")."""
    PRESENT = "present"
    """The moment of telling ("one month ago", "for two years")."""


UNITS = {
    "minute": "min",
    "min": "min",
    "hour": "h",
    "hr": "h",
    "h": "h",
    "day": "d",
    "week": "wk",
    "wk": "wk",
    "month": "mo",
    "mo": "mo",
    "year": "a",
    "yr": "a",
}
DAYS = {"min": Decimal(1) / 1440, "h": Decimal(1) / 24, "d": Decimal(1), "wk": Decimal(7)} | {
    "mo": Decimal("30.4375"),
    "a": Decimal("365.25"),
}

_UNIT = r"(?P<unit>minutes?|mins?|hours?|hrs?|h|days?|weeks?|wks?|months?|mos?|years?|yrs?)\b"
_AMOUNT = (
    rf"(?:(?P<value>{NUMBER})(?P<half>\sand\sa\shalf)?(?=[\s-]?(?:full\s)?(?:min|hour|hr|h\b|day|week|wk|month|mo\b|mos\b|year|yr))|"
    rf"(?P<low>{NUMBER})\s?(?:-|to|or|and)\s?(?P<high>{NUMBER})|"
    rf"(?P<one>an?|another|one(?:\sand\sa\shalf)?)|(?P<vague>several|a\sfew|few|some|many|a\scouple\sof|couple\sof))"
)
_DURATION = rf"(?:(?:about|approximately|around|nearly|almost|roughly|within|some|only|just|exactly|ca\.)\s)*{_AMOUNT}[\s-]?(?:full\s)?{_UNIT}"
_SKIP = (
    r"(?:(?!discharg|surg|operat|procedure|she|he|had|was|which|and\s(?![TLC]\d)|decompress|fall|injury|trauma|onset|laminect|fusion)"
    r"[\w-]+\s){0,4}?"
)
_AUGMENTATION = (
    rf"{_SKIP}(?:vertebroplast\w*|kyphoplast\w*|vesselplast\w*|PVP\b|PKP\b|BKP\b|VP\b|KP\b|BK\b|PTPV\b|PV\b|PVA\b|"
    r"(?:bone\s)?cement\s(?:injection|augmentation|leakage)|(?:vertebral\s)?augmentation|"
    r"injection\sof\s(?:the\s)?(?:bone\s)?cement)"
)
_OPERATION = (
    rf"{_SKIP}(?:surger(?:y|ies)|procedure|operation|intervention|treatment|op\b|decompression|laminectomy|fusion|injection|"
    r"fixation|removal|debridement)"
)
_DISCHARGE = r"(?:the\s|her\s|his\s)?(?:hospital\s)?(?:discharge|being\sdischarged|returning\shome|leaving)"
_EVENT = rf"(?:(?P<augmentation>{_AUGMENTATION})|(?P<operation>{_OPERATION})|(?P<discharge>{_DISCHARGE}))"
_LATER = re.compile(
    rf"\b{_DURATION}\s?(?:(?:later\s)?(?P<after>after|following|post|since|from)\s{_EVENT}|(?P<before>before|prior\sto)\s{_EVENT.replace('?P<', '?P<b_')}|"
    r"(?P<later>later|afterwards?|thereafter|subsequently|on\b,?)|(?P<past>ago|earlier|previously|before|prior)|"
    r"(?P<post>post[- ]?(?:operative(?:ly)?|surgery|procedure|procedural(?:ly)?|vertebroplasty|kyphoplasty|op\b|PKP|PVP))|(?P<plain>after\b))",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    rf"\b(?:within|inside)\s(?:the\s(?:first|next|following)\s)?{_DURATION}(?!\s(?:of|before)\b)", re.IGNORECASE
)
_AT_N = re.compile(
    rf"\b(?:at|by|until)\s(?:the\s)?{_DURATION}(?!\s(?:of\s(?:age|gestation)|old|after|before|later|follow|post|earlier|ago)|[\s-]?follow)",
    re.IGNORECASE,
)
_AFTER_N = re.compile(rf"\bafter\s(?:the\s)?{_DURATION}(?!\s(?:of|after|later|from)\b)", re.IGNORECASE)
_POST_AT = re.compile(
    rf"\b(?:post[- ]?operatively|post[- ]?surgery|after\s{_EVENT}\w*)\s(?:at|by|on)\s(?:the\s)?{_DURATION}",
    re.IGNORECASE,
)
_NTH_DAY = re.compile(
    rf"\b(?:(?:on\s)?(?:the\s)?(?P<nth>{ORDINAL})\s(?:post[- ]?(?:operative|procedur(?:e|al))|hospital)\s(?P<unit>day|week|month)|"
    rf"(?:on\s)?post[- ]?(?:operative|procedur(?:e|al)|op)\s(?:(?P<unit2>day|week|month)s?\s(?:\(POD\)\s)?(?:#\s?)?(?P<n>{NUMBER})|(?P<n2>{NUMBER})[\s-](?P<unit3>day|week|month)s?)|"
    rf"\bPOD\s?#?(?P<pod>\d+)|"
    rf"(?:on|by|until|in|at)\s(?:the\s)?(?P<nth3>{ORDINAL})\s(?P<unit5>day|week|month)\b(?!\s(?:of|after|following))|"
    rf"(?:on\s)?(?:the\s)?(?P<nth2>{ORDINAL}|same|next|following)\s(?P<unit4>day|week|month)\s(?:after|following)\s{_EVENT})",
    re.IGNORECASE,
)
_NEXT_DAY = re.compile(
    r"\b(?:on\s|the\s|of\s|in\s)+(?:very\s)?(?P<which>next|following|same)\s(?P<unit>day|morning|week|evening|night)\b",
    re.IGNORECASE,
)
_AT_ONCE = re.compile(
    rf"\b(?:(?:immediately|directly|right|instantly|shortly|soon|promptly|straight)\s(?:after|following|upon)\s{_EVENT}\w*|"
    rf"(?P<during>(?:during|in\sthe\scourse\sof|throughout|at\sthe\s(?:time|end)\sof|while\s(?:the\s)?(?:(?:bone\s)?cement|PMMA|polymethyl\s?methacrylate)\swas\sbeing\sinjected|while\sinjecting)"
    rf"(?:\s(?:{_EVENT.replace('?P<', '?P<d_')})\w*)?)|"
    rf"immediate\s(?=(?:[\w-]+\s){{0,3}}(?:pain|weakness|parapleg|parapares|deficit|dyspn|numbness|paralysis|hypotens))|"
    rf"immediate(?:ly)?\s?(?:post[- ]?operative(?:ly)?)|intra[- ]?operative(?:ly)?|intra[- ]?procedural(?:ly)?|immediately|at\sonce)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TimeMention:
    """A time at `text[start:end]`. Without `value` and `low` no amount is stated. `unit` is UCUM."""

    start: int
    end: int
    relation: Relation
    anchor: Anchor
    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str | None = None
    at_once: bool = False

    @property
    def days(self) -> Decimal | None:
        """The amount, or the lower end of it, in days."""
        amount = self.value if self.value is not None else self.low
        return None if amount is None or self.unit is None else amount * DAYS[self.unit]

    def relative(self, event: str | None, span: SourceSpan, rule: str) -> RelativeTime:
        """This time as counted from the procedure with that id."""
        return RelativeTime(
            relation=self.relation,
            event=event,
            value=self.value,
            low=self.low,
            high=self.high,
            unit=self.unit,
            span=(span,),
            rule=rule,
        )


@dataclass(frozen=True)
class Duration:
    """An amount of time at `text[start:end]`, with no word of before or after."""

    start: int
    end: int
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    unit: str


_BARE = re.compile(rf"\b{_DURATION}", re.IGNORECASE)


def find_durations(text: str) -> list[Duration]:
    """Every amount of time; "several days" has neither value nor range."""
    found = []
    for match in _BARE.finditer(text):
        value, low, high, unit = _amount(match)
        found.append(Duration(match.start(), match.end(), value, low, high, unit))
    return found


def find_times(text: str) -> list[TimeMention]:
    """Every relative time in a normalised text, in order, without overlaps."""
    found = [*_counted(text), *_numbered_days(text), *_at_once(text), *_passing(text)]
    found.sort(key=lambda mention: (mention.start, -mention.end))
    kept: list[TimeMention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def _counted(text: str) -> list[TimeMention]:
    found = []
    for pattern in (_LATER, _POST_AT, _AFTER_N, _AT_N, _WITHIN):
        for match in pattern.finditer(text):
            value, low, high, unit = _amount(match)
            if pattern is _WITHIN:  # an upper end only
                value, low, high = None, None, high or value
            relation, anchor = _relation(match, pattern)
            found.append(TimeMention(match.start(), match.end(), relation, anchor, value, low, high, unit))
    return found


def _relation(match: re.Match[str], pattern: re.Pattern[str]) -> tuple[Relation, Anchor]:
    if pattern in (_AFTER_N, _WITHIN):
        return Relation.AFTER, Anchor.PREVIOUS
    if pattern is _AT_N:
        return Relation.AFTER, Anchor.SURGERY
    groups = match.groupdict()
    if groups.get("before"):
        return Relation.BEFORE, _anchor(groups, "b_")
    if groups.get("past"):
        return Relation.BEFORE, Anchor.PRESENT
    if groups.get("later") or groups.get("plain"):
        return Relation.AFTER, Anchor.PREVIOUS
    if groups.get("post") and re.search("plasty|PKP|PVP", groups["post"], re.IGNORECASE):
        return Relation.AFTER, Anchor.PROCEDURE
    return Relation.AFTER, _anchor(groups, "")


def _anchor(groups: dict[str, str | None], prefix: str) -> Anchor:
    if groups.get(f"{prefix}augmentation"):
        return Anchor.PROCEDURE
    if groups.get(f"{prefix}discharge"):
        return Anchor.DISCHARGE
    operation = groups.get(f"{prefix}operation")
    if operation and re.search(
        r"decompress|laminect|fusion|fixation|removal|debrid|second|revision", operation, re.IGNORECASE
    ):
        return Anchor.TREATMENT
    return Anchor.SURGERY


def _numbered_days(text: str) -> list[TimeMention]:
    found = []
    for match in _NTH_DAY.finditer(text):
        group = match.groupdict()
        unit = UNITS[
            (group["unit"] or group["unit2"] or group["unit3"] or group["unit4"] or group["unit5"] or "day").lower()
        ]
        which = group["nth"] or group["nth2"] or group["nth3"]
        if which is None:
            value = number_of(group["n"] or group["n2"] or group["pod"] or "")
        elif which.lower() in ("same", "next", "following"):
            value = Decimal(0 if which.lower() == "same" else 1)
        else:
            value = Decimal(ordinal_of(which))
        anchor = Anchor.PROCEDURE if group["augmentation"] else Anchor.SURGERY
        found.append(TimeMention(match.start(), match.end(), Relation.AFTER, anchor, value, unit=unit))
    for match in _NEXT_DAY.finditer(text):
        unit = "wk" if match["unit"].lower() == "week" else "d"
        value = Decimal(0 if match["which"].lower() == "same" else 1)
        found.append(TimeMention(match.start(), match.end(), Relation.AFTER, Anchor.PREVIOUS, value, unit=unit))
    return found


_PASSING = re.compile(
    r"\b(?:over|in|during|within)\s(?:the\s)?(?:next\s|following\s|subsequent\s|ensuing\s|a\sfew\s|several\s)*(?P<unit>hours|days|weeks|months|years)\b",
    re.IGNORECASE,
)


def _passing(text: str) -> list[TimeMention]:
    """ "Over days", "in the following weeks": time went by, how much is not said."""
    return [
        TimeMention(match.start(), match.end(), Relation.AFTER, Anchor.PREVIOUS, unit=UNITS[match["unit"].lower()[:-1]])
        for match in _PASSING.finditer(text)
    ]


def _at_once(text: str) -> list[TimeMention]:
    found = []
    for match in _AT_ONCE.finditer(text):
        groups = match.groupdict()
        words = match[0].lower()
        if words.startswith(("during", "throughout", "in the course", "at the time", "at the end", "while")) and not (
            groups["d_augmentation"] or groups["d_operation"] or "cement" in words or "inject" in words
        ):
            continue
        named = groups["augmentation"] or groups["d_augmentation"] or "cement" in words or "inject" in words
        anchor = Anchor.PROCEDURE if named else Anchor.SURGERY
        if anchor is Anchor.SURGERY and words in ("immediately", "at once"):
            anchor = Anchor.PREVIOUS
        operation = groups["operation"] or groups["d_operation"] or ""
        if re.search(r"decompress|laminect|fusion|fixation|removal|debrid|second|revision", operation, re.IGNORECASE):
            anchor = Anchor.TREATMENT
        vague = words.startswith(("shortly", "soon"))
        relation = Relation.CONCURRENT if groups["during"] or words.startswith("intra") else Relation.AFTER
        found.append(
            TimeMention(
                match.start(),
                match.end(),
                relation,
                anchor,
                None if vague else Decimal(0),
                unit=None if vague else "h",
                at_once=not vague,
            )
        )
    return found


def _amount(match: re.Match[str]) -> tuple[Decimal | None, Decimal | None, Decimal | None, str]:
    groups = match.groupdict()
    unit = UNITS[re.sub(r"s$", "", groups["unit"].lower())]
    if groups["low"]:
        return None, number_of(groups["low"]), number_of(groups["high"] or ""), unit
    if groups["value"]:
        half = Decimal("0.5") if groups["half"] else Decimal(0)
        return number_of(groups["value"]) + half, None, None, unit
    if groups["one"]:
        return Decimal("1.5") if "half" in groups["one"] else Decimal(1), None, None, unit
    return None, None, None, unit
