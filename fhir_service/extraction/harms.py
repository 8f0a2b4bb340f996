"""Harms as sentences name them, each with its code, levels and polarity, before they become facts of a patient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_service.extraction import context
from fhir_service.extraction.binding import Bound, bind
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.false_harms import denied_inside, is_no_harm
from fhir_service.extraction.levels import LevelMention
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Polarity

_CEMENT = compiled(r"\b(?:cement|poly-?methyl-?\s?meth?acrylate|polymethylmetacrylate|PMMA)\b", re.IGNORECASE)
_FOUND = compiled(
    r"\b(?:in|into|within|along|inside|through|to|at|toward|towards|reaching|extend\w*|seen|found|reveal\w*|show\w*|demonstrat\w*|lay|located|enter\w*|reach\w*|pass\w*|travel\w*|escap\w*|filled|filling|mass|fragments?|pieces|blocks|embol\w*|pierc\w+|perforat\w+|transfix\w+|lodg\w+|occlud\w+|occup\w+|obstruct\w+|wedged|stuck|embedded|float\w*|visible|situated|spicule|needle|rod|thread|cast|casts|touching|beside|surround\w*)\b",
    re.IGNORECASE,
)
_MASS = compiled(
    r"\b(?:mass|filling\sdefect|foreign\sbody|density|densities|opacit\w+|thrombus|material|fragment|linear\s\w+|object)\b",
    re.IGNORECASE,
)
_PUT_IN = compiled(r"\b(?:inject(?:ed|ing)|filled\swith|introduced|placed|inserted)\b", re.IGNORECASE)
_NOT_BY_CEMENT = compiled(
    r"\b(?:tuberculosis|oedema|edema|artery\sdisease|disease|function|hypertension|metast\w+|nodule|wedge|resection|surgery|bypass|lobe\sresection|embolectomy|rhythm|output|arrest|failure|rehabilitation|fibrosis)\b",
    re.IGNORECASE,
)
_NEW_WORD = compiled(
    r"\b(?:new|newly|subsequent|fresh|further|another|additional|adjacent|secondary)\b[^.;,]{0,30}$", re.IGNORECASE
)
_ROUTE = compiled(r"\b(?:through|via|along)\s(?:the\s)?(?:\w+\s)?$", re.IGNORECASE)
_SCREW = compiled(r"\bscrews?\b|\brods?\b|\bhardware\b|\bimplants?\b|\bmetallic\b|\bcage\b", re.IGNORECASE)
_VESSEL = compiled(r"\s(?:left\s|right\s|segmental\s|lumbar\s|intercostal\s)*(?:arter|vein|vessel)", re.IGNORECASE)
_AFTER_DEATH = compiled(r"autopsy|post-?\s?mortem", re.IGNORECASE)
_SAME_LEVEL = compiled(
    r"[^.;]{0,25}?\b(?:at|over|along|on)\s(?:the\s|this\s|that\s|these\s)?(?:very\s)?same\s(?:levels?|segments?|heights?)\b"
)
NOWHERE = ("hypotension", "allergic-reaction", "death")
"""Harms of the whole body: a level in their sentence is that of something else."""
_COMMA = 40
_BEHIND = 40
"""Characters behind cement and a site in which it may be said that it was put there."""


@dataclass(frozen=True)
class Harm:
    """A harm at `sentence.text[start:end]`. `code` is of `complication`, or `fracture` while it is open whose it is.

    `weak`: cement in the spinal canal with no word of the dura. `repeated`: told in passing (its removal)."""

    sentence: Sentence
    code: str
    start: int
    end: int
    levels: tuple[LevelMention, ...]
    polarity: Polarity
    weak: bool = False
    new: bool = False
    embolic: bool = False

    @property
    def words(self) -> str:
        return self.sentence.text[self.start : self.end]

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(code for mention in self.levels for code in mention.codes)


def find_harms(sentence: Sentence) -> list[Harm]:
    """Every harm a sentence names, also those it denies."""
    text = sentence.text
    hits = [hit for hit in lexicon("complications").find(text) if not is_no_harm(text, hit)]
    if not hits or text.rstrip().endswith("?"):  # a question states nothing
        return []
    sites = (
        lexicon("leak-sites").find(text)
        if _CEMENT.search(text) or any(h.code in ("leak", "embolus", "cement") for h in hits)
        else []
    )
    bound = bind(text, sites)
    found = _cement_harms(sentence, hits, sites, bound)
    for hit in hits:
        if hit.code in ("leak", "embolus", "cement", "finding"):
            continue
        if hit.code == "cement-dislodgement" and _SCREW.search(text, max(0, hit.start - 30), hit.end + 30):
            continue
        if hit.term["needs"] == "cement" and (
            not _CEMENT.search(text) or _SCREW.search(text[max(0, hit.start - 30) : hit.end + 30])
        ):
            continue
        if _AFTER_DEATH.fullmatch(text[hit.start : hit.end]):  # whatever it found
            found.append(Harm(sentence, hit.code, hit.start, hit.end, (), Polarity.AFFIRMED))
            continue
        found.append(
            Harm(
                sentence,
                hit.code,
                hit.start,
                hit.end,
                _levels(text, hit, bound),
                _said(sentence, hit),
                new=bool(hit.term["new"]) or _NEW_WORD.search(text[max(0, hit.start - 45) : hit.start]) is not None,
            )
        )
    found.sort(key=lambda harm: harm.start)
    return [_at_same_level(harm, found) for harm in found]


def _levels(text: str, hit: Hit, bound: Bound) -> tuple[LevelMention, ...]:
    """The levels a harm is at. A deficit is at one that is named with it or behind it, not at that of the operation."""
    if hit.code in NOWHERE:
        return ()
    levels = tuple(level for level in bound.of(hit.start, hit.end) if not _VESSEL.match(text, level.end))
    if hit.code != "neurological-deficit":
        return levels
    return tuple(level for level in levels if hit.start - level.end <= 1)


def _said(sentence: Sentence, hit: Hit) -> Polarity:
    if denied_inside(sentence.text, hit.code, hit.start, hit.end):
        return Polarity.NEGATED
    return context.polarity(sentence, hit.start, hit.end)


def _at_same_level(harm: Harm, told: Sequence[Harm]) -> Harm:
    """ "Epidural cement at T10-T11, the cord compressed at the same level": where the harm before it is."""
    if harm.levels or not _SAME_LEVEL.match(harm.sentence.text, harm.end):
        return harm
    before = next((other for other in reversed(told) if other.levels and other.start < harm.start), None)
    return harm if before is None else replace(harm, levels=before.levels)


def _cement_harms(sentence: Sentence, hits: Sequence[Hit], sites: Sequence[Hit], bound: Bound) -> list[Harm]:
    """Cement out of place: a word of leaking or of emboli, or cement said to be in a site, each with its sites."""
    text = sentence.text
    events = [hit for hit in hits if hit.code in ("leak", "embolus")]
    cement = [hit for hit in hits if hit.code == "cement"]
    if not events and not cement:
        return []
    embolic = any(hit.code == "embolus" for hit in events)
    found: list[Harm] = []
    for site in sites:
        event = _stated(sentence, site, _event_of(text, site, events, cement), cement)
        if (
            event is None
            or compiled(r"\s(?:level|height)\b").match(text[site.end :])
            or _NOT_BY_CEMENT.match(text[site.end : site.end + 20].strip())
        ):
            continue
        code = _code(text, site, embolic=embolic)
        if code is None:
            continue
        start, end = _words(site, event)
        levels = bound.of(site.start, site.end) or (
            bound.of(event.start, event.end) if len(sites) == 1 or event.code == "leak" else ()
        )
        found.append(
            Harm(
                sentence,
                code,
                start,
                end,
                levels,
                _polarity(sentence, site, event),
                weak=bool(site.term["weak"]),
                embolic=embolic,
            )
        )
    for event in events:
        if event.code == "leak" and not any(_event_of(text, site, [event], []) for site in sites):
            polarity = context.polarity(sentence, event.start, event.end)
            found.append(
                Harm(
                    sentence,
                    "cement-leakage-unspecified",
                    event.start,
                    event.end,
                    bound.of(event.start, event.end),
                    polarity,
                )
            )
        elif event.code == "embolus" and _CEMENT.search(text) and not any(_code(text, s, embolic=True) for s in sites):
            polarity = context.polarity(sentence, event.start, event.end)
            found.append(Harm(sentence, "embolus", event.start, event.end, (), polarity, embolic=True))
    return found


def _stated(sentence: Sentence, site: Hit, event: Hit | None, cement: Sequence[Hit]) -> Hit | None:
    """ "Embolism was suspected and CT showed cement in the lung": what is seen there states it, where it is nearer."""
    text = sentence.text
    if event is None or event in cement or _polarity(sentence, site, event) is Polarity.AFFIRMED:
        return event
    seen = _event_of(text, site, [], cement)
    nearer = seen is not None and _apart(text, site, seen) < _apart(text, site, event)
    return seen if seen is not None and nearer and _polarity(sentence, site, seen) is Polarity.AFFIRMED else event


def _event_of(text: str, site: Hit, events: Sequence[Hit], cement: Sequence[Hit]) -> Hit | None:
    """What the site belongs to: the nearest leak or embolus in its clause, else cement said to be there."""
    near = [hit for hit in events if _same_clause(text, site, hit)]
    if near:
        return min(near, key=lambda hit: _apart(text, site, hit))
    for hit in sorted(cement, key=lambda hit: _apart(text, site, hit)):
        between = text[min(hit.end, site.end) : max(hit.start, site.start)]
        adjacent = len(between) < 25 and site.end <= hit.start
        listed = len(between) < 30 and hit.end <= site.start and _FOUND.search(text[site.end : site.end + 60])
        if (
            _same_clause(text, site, hit)
            and not _PUT_IN.search(text, min(hit.start, site.start), max(hit.end, site.end) + _BEHIND)
            and (adjacent or listed or _FOUND.search(between))
        ):
            return hit
    return None


def _apart(text: str, site: Hit, event: Hit) -> int:
    """How far the site stands from the word of leaking; a comma between them sets them apart."""
    first, last = (event.end, site.start) if event.start <= site.start else (site.end, event.start)
    return abs(event.start - site.start) + _COMMA * text.count(",", first, last)


def _same_clause(text: str, one: Hit, other: Hit) -> bool:
    between = text[min(one.end, other.end) : max(one.start, other.start)].removeprefix(":")  # "Leak: lumbar vein"
    return len(between) < 170 and not compiled(r";|:\s").search(between)


def _code(text: str, site: Hit, *, embolic: bool) -> str | None:
    if site.term["embolus"] is not None:
        if embolic or site.term["embolus"] == "cement-leakage-venous":
            return str(site.term["embolus"])
        return site.code
    if embolic and site.code == "cement-leakage-venous":
        # "embolized through the veins" tells the way, not the place
        return None if _ROUTE.search(text, 0, site.start) or site.term.words[0] == "veins" else site.code
    return (
        None
        if embolic and site.code != "cement-leakage-paravertebral" and site.code.startswith("cement-leakage-i")
        else site.code
    )


def _words(site: Hit, event: Hit) -> tuple[int, int]:
    start, end = min(site.start, event.start), max(site.end, event.end)
    return (start, end) if end - start <= 90 else (site.start, site.end)


def _polarity(sentence: Sentence, site: Hit, event: Hit) -> Polarity:
    polarity = context.polarity(sentence, event.start, event.end)
    return polarity if polarity is not Polarity.AFFIRMED else context.polarity(sentence, site.start, site.end)


def masses(sentence: Sentence) -> list[Harm]:
    """Something that lies in the heart or the lung vessels: an embolus where the report says that cement embolised."""
    found = []
    for site in lexicon("leak-sites").find(sentence.text):
        if site.code in ("cardiac-cement-embolism", "pulmonary-cement-embolism") and _MASS.search(sentence.text):
            found.append(Harm(sentence, site.code, site.start, site.end, (), Polarity.AFFIRMED, embolic=True))
    return found
