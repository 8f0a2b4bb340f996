"""Expressions for relative times. The events they are counted from are data: `mappings/lexicons/time-events.toml`."""

from __future__ import annotations

import re
from functools import cache
from types import SimpleNamespace

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.numbers import NUMBER, ORDINAL
from fhir_service.extraction.patterns import Pattern, compiled

ABOUT = r"(?:(?:about|approximately|around|nearly|almost|roughly|within|some|only|just|exactly|ca\.)\s)*"
UNIT = r"(?P<unit>seconds?|minutes?|mins?|hours?|hrs?|h|days?|weeks?|wks?|months?|mos?|years?|yrs?)\b"
_BEFORE_UNIT = r"(?=[\s-]?(?:full\s)?(?:second|min|hour|hr|h\b|day|week|wk|month|mo\b|mos\b|year|yr))"
AMOUNT = (
    rf"(?:(?P<value>{NUMBER})(?P<half>\sand\sa\shalf)?{_BEFORE_UNIT}|"
    rf"(?P<low>{NUMBER})\s?(?:-|to|or|and)\s?(?P<high>{NUMBER})|"
    r"(?P<one>an?|another|one(?:\sand\sa\shalf)?)|"
    r"(?P<vague>several|a\sfew|few|some|many|a\scouple\sof|couple\sof))"
)
DURATION = rf"{ABOUT}{AMOUNT}[\s-]?(?:full\s)?{UNIT}"
POSTOPERATIVE = r"post[- ]?(?:operative|procedur(?:e|al))"
_DAY = "day|week|month"


@cache
def patterns() -> SimpleNamespace:
    """The compiled expressions, by name."""
    words = lexicon("time-events")
    skipped = rf"(?:(?!{words.pattern('other')}|and\s(?![TLC]\d))[\w-]+,?\s){{0,4}}?"
    event = (
        rf"(?:(?P<augmentation>{skipped}{words.pattern('augmentation')})|"
        rf"(?P<operation>{skipped}{words.pattern('operation')})|(?P<discharge>{words.pattern('discharge')}))"
    )
    return SimpleNamespace(
        treatment=compiled(words.pattern("treatment")),
        duration=_compiled(rf"\b{DURATION}"),
        later=_compiled(
            rf"\b{DURATION}\s?(?:(?:later\s)?(?P<after>after|following|post|since|from)\s{event}|"
            rf"(?P<before>before|prior\sto)\s{_renamed(event, 'b_')}|"
            r"(?P<later>later|afterwards?|thereafter|subsequently|on\b,?)|"
            r"(?P<past>ago|earlier|previously|before|prior)|"
            rf"(?P<post>{POSTOPERATIVE}(?:ly)?|post[- ]?(?:surgery|vertebroplasty|kyphoplasty|op\b|PKP|PVP))|"
            r"(?P<plain>after\b))"
        ),
        within=_compiled(rf"\b(?:within|inside)\s(?:the\s(?:first|next|following)\s)?{DURATION}(?!\s(?:of|before)\b)"),
        at=_compiled(
            rf"\b(?:at|by|until)\s(?:the\s)?{DURATION}"
            r"(?!\s(?:of\s(?:age|gestation)|old|after|before|later|follow|post|earlier|ago)|[\s-]?follow)"
        ),
        after=_compiled(rf"\bafter\s(?:the\s)?{DURATION}(?!\s(?:of|after|later|from)\b)"),
        postoperatively_at=_compiled(
            rf"\b(?:{POSTOPERATIVE}ly|post[- ]?surgery|after\s{event}\w*)\s(?:at|by|on)\s(?:the\s)?{DURATION}"
        ),
        numbered=_compiled(
            rf"\b(?:(?:on\s)?(?:the\s)?(?P<nth>{ORDINAL})\s(?:{POSTOPERATIVE}|hospital)\s(?P<unit>{_DAY})|"
            rf"(?:on\s)?(?:{POSTOPERATIVE}|post[- ]?op)\s"
            rf"(?:(?P<unit2>{_DAY})s?\s(?:\(POD\)\s)?(?:#\s?)?(?P<n>{NUMBER})|"
            rf"(?P<n2>{NUMBER})[\s-](?P<unit3>{_DAY})s?)|"
            r"\bPOD\s?#?(?P<pod>\d+)|"
            rf"(?:on|by|until|in|at)\s(?:the\s)?(?P<nth3>{ORDINAL})\s(?P<unit5>{_DAY})\b(?!\s(?:of|after|following))|"
            rf"(?:on\s)?(?:the\s)?(?P<nth2>{ORDINAL}|same|next|following)\s(?P<unit4>{_DAY})\s(?:after|following)\s{event})"
        ),
        next_day=_compiled(
            r"\b(?:on\s|the\s|of\s|in\s)+(?:very\s)?(?P<which>next|following|same)\s"
            r"(?P<unit>day|morning|week|evening|night)\b"
        ),
        passing=_compiled(
            r"\b(?:over|in|during|within)\s(?:the\s)?(?:next\s|following\s|subsequent\s|ensuing\s|a\sfew\s|several\s)*"
            r"(?P<unit>hours|days|weeks|months|years)\b"
        ),
        at_once=_compiled(
            r"\b(?:(?:immediately|directly|right|instantly|shortly|soon|promptly|straight)\s"
            r"(?:after|following|upon)\s"
            rf"{event}\w*|"
            r"(?:up)?on\s(?:awak\w+|waking(?:\sup)?)|"
            rf"(?P<injecting>{words.pattern('injecting')})|"
            r"(?P<during>(?:during|in\sthe\scourse\sof|throughout|at\sthe\s(?:time|end)\sof)"
            rf"\s{_renamed(event, 'd_')}\w*)|"
            rf"immediate\s(?=(?:[\w-]+\s){{0,3}}{words.pattern('complaint')})|"
            r"immediate(?:ly)?\s?post[- ]?operative(?:ly)?|intra[- ]?operative(?:ly)?|intra[- ]?procedural(?:ly)?|"
            r"immediately|at\sonce)"
        ),
    )


def _compiled(source: str) -> Pattern:
    return compiled(source, re.IGNORECASE)


def _renamed(source: str, prefix: str) -> str:
    """The same groups under names of their own."""
    return source.replace("(?P<", f"(?P<{prefix}")
