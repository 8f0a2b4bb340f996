"""Expressions for relative times. The events they are counted from are data: `mappings/lexicons/time-events.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.numbers import NUMBER, ORDINAL, WORD_NUMBER
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.times import Anchor

ABOUT = (
    r"(?:(?:about|approximately|approx\.|around|nearly|almost|roughly|within|some|only|just|exactly|barely|hardly|"
    r"scarcely|merely|more\sthan|less\sthan|at\sleast|over|under|not\squite|precisely|fully|a\sfull|circa|ca\.)\s)*"
)
UNIT = (
    r"(?P<unit>seconds?|minutes?|mins?|hours?|hrs?|(?<![a-z])h|days?|weeks?|wks?|fortnights?|months?|mos?|years?|yrs?)\b"
    r"(?P<and_half>\sand\sa\shalf\b)?"
)
_QUALIFIED = (
    r"(?:(?:full|whole|long|good|quiet|further|more|calendar|postoperative|(?:pain|symptom|complaint|trouble|event)[\s-]free|"
    r"asymptomatic|uneventful|comfortable)\s)?"
)
_BEFORE_UNIT = rf"(?=[\s-]?{_QUALIFIED}(?:second|min|hour|hr|h\b|day|week|wk|month|mo\b|mos\b|year|yr))"
AMOUNT = (
    rf"(?:(?P<value>{NUMBER})(?P<half>\sand\sa\shalf)?{_BEFORE_UNIT}|"
    rf"(?P<low>{NUMBER})\s?(?:-|to|or|and)\s?(?P<high>{NUMBER})|"
    r"(?P<part>half(?:\san?)?|a\squarter\sof\san|three[\s-]quarters\sof\san)|"
    r"(?P<one>an?|another|one(?:\sand\sa\shalf)?)|"
    r"(?P<vague>several|a\sfew|few|some|many|a\scouple\sof|couple\sof|a\snumber\sof))"
)
DURATION = rf"{ABOUT}{AMOUNT}[\s-]?{_QUALIFIED}{UNIT}"
POSTOPERATIVE = r"post[- ]?(?:operative|op(?![a-z])|procedur(?:e|al)|interventional)"
_DAY = "day|night|morning|evening|week|month"
_COUNT = r"(?:\d{1,3}(?![.,/]?\d)|" + WORD_NUMBER + ")"
_OTHER_COUNT = (
    r"(?!\sof\s(?:age|life|pregnancy|gestation|treatment|therapy|antibiotic|antituberc|hospital|admission|the\syear))"
)


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
            rf"\b{DURATION}(?:\s\([^()]{{2,20}}\)|\sto\sthe\s(?:day|hour))?\s?(?:(?:later\s|out\s)?"
            rf"(?P<after>after|following|post|since|from|between)\s{event}|"
            rf"(?P<before>before|prior\sto)\s{_renamed(event, 'b_')}|"
            r"(?P<later>later|afterwards?|thereafter|subsequently|hence|on\b,?|out\b|down\sthe\s(?:line|road|track))|"
            r"(?P<past>ago|earlier|previously|before|prior)|"
            rf"(?P<post>{POSTOPERATIVE}(?:ly)?|"
            r"post[- ]?(?:surgery|vertebroplasty|kyphoplasty|op(?:\b|eration)|PKP|PVP|BKP|VP\b|KP\b|BK\b|"
            r"intervention|injection|augmentation))|"
            r"(?P<plain>after\b))"
        ),
        within=_compiled(
            rf"\b(?:within|inside|in\sless\sthan)\s(?:the\s(?:(?:first|next|following|space\sof)\s)?)?{DURATION}"
            rf"(?:\s(?:of|after|from|following)\s{event}|(?!\s(?:of|before|prior)\b))"
        ),
        at=_compiled(
            rf"\b(?:at|by|until)\s(?:the\s)?{DURATION}"
            r"(?!\s(?:of\s(?!follow|the\sfollow|distance|observation|evolution|surveillance)|old|after|before|later|follow|post|earlier|ago|from|since)|[\s-]?follow)"
        ),
        after=_compiled(rf"\bafter\s(?:the\s)?{DURATION}(?!\s(?:of|after|later|from)\b)"),
        postoperatively_at=_compiled(
            rf"\b(?:{POSTOPERATIVE}ly|post[- ]?surgery|after\s{event}\w*)\s(?:at|by|on)\s(?:the\s)?{DURATION}"
        ),
        numbered=_compiled(
            rf"\b(?:(?:on\s)?(?:the\s)?(?P<nth>{ORDINAL})\s(?:{POSTOPERATIVE}|hospital)\s(?P<unit>{_DAY})|"
            rf"(?:on\s)?(?:the\s)?(?P<nth_pod>{ORDINAL})\sPOD\b|\bD\s?\+\s?(?P<d_plus>\d{{1,3}})\b|"
            rf"(?:on\s)?(?:{POSTOPERATIVE}|post[- ]?op)\s"
            rf"(?:(?P<unit2>{_DAY})s?\s(?:\(POD\)\s)?(?:#\s?)?(?P<n>{NUMBER})|"
            rf"(?P<n2>{NUMBER})[\s-](?P<unit3>{_DAY})s?)|"
            r"\bPOD\s?#?(?P<pod>\d+)|"
            rf"(?:on|by|until|in|at)\s(?:the\s)?(?P<nth3>{ORDINAL})\s(?P<unit5>{_DAY})\b(?!\s(?:of|after|following))|"
            rf"(?:on\s)?(?:the\s)?(?P<nth2>{ORDINAL}|same|next|following)\s(?P<unit4>{_DAY})\s(?:after|following)\s{event})"
        ),
        counted_off=_compiled(
            r"\b(?:(?:in|during|by|from|since|towards?|at|until|around|before)\s(?:the\s)?"
            r"(?P<at_end>end\sof\s(?:the\s)?)?(?:(?:beginning|start|middle|course)\sof\s(?:the\s)?)?"
            rf"(?P<nth>{ORDINAL})\s(?:{POSTOPERATIVE}\s|follow[ -]?up\s)?(?P<unit>day|week|month|year)\b|"
            r"(?:on|in|at|by|during|from|since|until|around|after)\s(?:the\s)?(?P<unit2>day|week|month|year)[\s-]"
            rf"(?P<n>{_COUNT})\b|(?P<unit3>day|week|month)\s(?P<n2>{_COUNT})"
            rf"(?=\s(?:{POSTOPERATIVE}|(?:after|following|post)\s{_renamed(event, 'n_')})))"
            rf"{_OTHER_COUNT}(?:\s(?:after|following|from|post|of)\s{event})?"
        ),
        next_day=_compiled(
            r"\b(?:(?:(?:on|by|until|of|in|during|over)\s)?(?:the\s)?(?:very\s)?(?:same\s)?(?P<which>next|following|same)\s"
            r"(?P<unit>day|morning|afternoon|week|month|year|evening|night)|"
            r"(?:on\s|by\s)?that\s(?:very\s)?(?:same\s)?(?:evening|afternoon|night|morning|same\sday))\b"
            r"(?!-case|\scare|\sof\s(?:treatment|antibiotic))"
        ),
        part_of_day=_compiled(
            r"\b(?:on\s|in\s|during\s|by\s)?the\s(?:very\s|early\s|late\s)?(?P<part>day|morning|afternoon|evening|night)\s"
            rf"(?:(?P<after>after|following)\b(?:\s(?:the\s)?{event})?|(?P<of>of)\s(?:the\s)?{_renamed(event, 'o_')})"
        ),
        passing=_compiled(
            r"\b(?:over|in|during|within)\s(?:the\s)?(?:next\s|following\s|subsequent\s|ensuing\s|a\sfew\s|several\s)*"
            r"(?P<unit>hours|days|weeks|months|years)\b"
        ),
        at_once=_compiled(
            r"\b(?:(?:immediately|directly|right|instantly|shortly|soon|promptly|straight|just)\s"
            r"(?:after|following|upon)\s"
            rf"{event}\w*|"
            rf"(?:(?:immediately|directly|straight|right|just|soon|shortly)\s)?(?:on|upon|after|at|following)\s(?:the\s|her\s|his\s)?"
            rf"{words.pattern('waking')}|"
            rf"(?P<place>{words.pattern('place')})|"
            rf"(?P<injecting>{words.pattern('injecting')})|"
            r"(?P<during>(?:during|in\sthe\scourse\sof|throughout|(?:half|mid)way\sthrough|"
            r"(?:at|in|towards?)\sthe\s(?:very\s)?(?:time|end|moment|middle|start|beginning)\sof)"
            rf"\s{_renamed(event, 'd_')}\w*)|"
            rf"immediate\s(?=(?:[\w-]+\s){{0,3}}{words.pattern('complaint')})|"
            r"(?:immediate(?:ly)?|directly)\s?post[- ]?(?:op\b|(?:operative|procedural|interventional)(?:ly)?|"
            r"procedure|injection|intervention|surgery|vertebroplasty|kyphoplasty)|"
            r"intra[- ]?operative(?:ly)?|intra[- ]?procedural(?:ly)?|per[- ]?operatively|"
            r"(?:(?:with)?in\s|a\sfew\s|some\s|only\s)*seconds\s(?:after|of|following)\s"
            rf"{_renamed(event, 's_')}|within\sseconds|"
            r"immediately|at\sonce|instantaneously)"
        ),
        **_around_durations(),
    )


def _around_durations() -> dict[str, Pattern]:
    """What makes an amount of time a time after something: the words before it and behind it."""
    words = lexicon("time-events")
    visit = words.pattern("visit")
    return {
        "visit_before": _compiled(rf"\b{visit}\s(?:[\w-]+\s){{0,2}}?(?:at|after|of|in|on|around)\s(?:the\s)?$"),
        "visit_behind": _compiled(rf"[\s-]{{1,2}}(?:(?:of|{POSTOPERATIVE}|[\w-]+)\s){{0,2}}?{visit}"),
        "at_visit": _compiled(
            r"(?:^|[,;:(]\s?|\b(?:at|on|by|in|during|until|after|with|the|an?|her|his|our|their|routine|planned|scheduled|"
            r"final|last|latest|usual)\s)$"
        ),
        "passed_before": _compiled(
            rf"\b(?:after|with)\s(?:an?\s|the\s)?(?:[\w-]+\s){{0,3}}{words.pattern('interval')}\sof\s(?:the\s)?$|"
            rf"\b(?:{words.pattern('interval')}|time)\s(?:from|between|since|after)\s(?:the\s)?{words.pattern('augmentation')}"
            r"[^.;,]{0,60}?\s(?:and|to|until|till)\s[^.;,]{2,60}?\s(?:was|were|of|is|amounted\sto|came\sto|being)\s$"
        ),
        "passed_behind": _compiled(
            r"\s(?:had\s|has\s|have\s)?(?:passed|elapsed|gone\sby|went\sby)\b|"
            rf"[\s-](?:[\w-]+\s){{0,3}}{words.pattern('interval')}\b"
        ),
        "well_before": _compiled(rf"\b{words.pattern('well')}\b[^.;]{{0,40}}\bfor\s(?:the\s(?:first|next)\s)?$"),
        "it_took": _compiled(
            r"\b(?:took|lasted|needed|not\suntil|it\swas|were|was)\s(?:only\s|another\s|some\s|about\s)?$"
        ),
        "until_behind": _compiled(r"\s(?:before|until|till)\b"),
        "then_behind": _compiled(
            r"\s?[,;:]?\s?(?:but\s|and\s)?(?:then|until|when|before|after\swhich|at\swhich|thereafter)\b"
        ),
    }


def anchor_of(groups: Mapping[str, str | None], prefix: str) -> Anchor:
    """What the event is that the groups of that prefix caught."""
    if groups.get(f"{prefix}augmentation"):
        return Anchor.PROCEDURE
    if groups.get(f"{prefix}discharge"):
        return Anchor.DISCHARGE
    operation = groups.get(f"{prefix}operation")
    return Anchor.TREATMENT if operation and patterns().treatment.search(operation) else Anchor.SURGERY


def _compiled(source: str) -> Pattern:
    return compiled(source, re.IGNORECASE)


def _renamed(source: str, prefix: str) -> str:
    """The same groups under names of their own."""
    return source.replace("(?P<", f"(?P<{prefix}")
