"""Which augmentation a report is about, and at which vertebrae."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from fhir_service.extraction import context
from fhir_service.extraction.binding import Bound, bind, bind_to, with_others
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Section, Sentence, read_once
from fhir_service.extraction.levels import LevelMention, find_groups, level_facts, neighbours
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.operations import Mention, mentions
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.refusals import REFUSED
from fhir_service.extraction.timeline import find_times
from fhir_service.reports.case_report import Coded, Level, Polarity, ProcedureFact, Relation

_PERFORMED = compiled(
    r"\b(?:(?:during|after)\s(?:the\s|this\s)?(?:procedure|operation|intervention)|post-?operative\w*|cement|injected)\b",
    re.IGNORECASE,
)
_PUT_IN = compiled(
    r"\b(?:injected|instilled|introduced|treated|augmented|operated)\s(?:in|into|at|through|on\sat)\b", re.IGNORECASE
)
_NEW = compiled(r"\b(?:new|subsequent\w*|later|required|another|then|adjacent)\b", re.IGNORECASE)
_NOT_TREATED = compiled(
    r"\b(?:new|adjacent|subsequent|(?<!year[ -])(?<!years[ -])(?<!yr[ -])(?<!yrs[ -])(?<!\dy[ -])(?<!\sy[ -])old|"
    r"healed|chronic|previous(?:ly)?|known)\b"
)
_YEAR = compiled(r"\b(?:19|20)\d\d\b")
_CEMENT_USED = compiled(
    r"\b(?:cement|polymethylmethacrylate|PMMA)\b(?!\s(?:(?:was|were)\s(?:then\s)?removed|remov|leak))", re.IGNORECASE
)


@dataclass(frozen=True)
class Index:
    """Mentions of the augmentation the report is about, of a repeat of it, and of an earlier one."""

    mentions: tuple[Mention, ...]
    later: tuple[Mention, ...] = ()
    earlier: tuple[Mention, ...] = ()


def find_index(patient: PatientText, found: Sequence[Mention], echoes: Sequence[Mention]) -> Index | None:
    """The index procedure as the leading sentences tell it, else as it is told elsewhere, else of all patients."""
    index = _index(found, fractured_levels(patient.case), patient.case) or _index(echoes, {}, ())
    index = index or _index(mentions(patient.together, first=len(patient.case), general_too=True), {}, ())
    return index or _with_cement(found)


def _with_cement(found: Sequence[Mention]) -> Index | None:
    """A fusion or instrumentation told together with cement, where no augmentation is named at all."""
    for mention in found:
        told = mention.hit.code in ("fusion", "instrumentation") and not mention.planned
        if told and _CEMENT_USED.search(mention.sentence.text):
            return Index((mention,))
    return None


def _carried_out_later(found: Sequence[Mention], told: Sequence[Sentence]) -> list[Mention]:
    """An augmentation that is only said to be considered, where further words show that it was done."""
    planned = [mention for mention in found if mention.augments and not REFUSED.search(mention.sentence.text)]
    if not planned:
        return []
    return planned if any(_PERFORMED.search(s.text) for s in told[planned[0].place[0] + 1 :]) else []


def _index(found: Sequence[Mention], fractured: dict[int, tuple[str, ...]], told: Sequence[Sentence]) -> Index | None:
    """The first augmentation told as done or counted from; what is planned counts where nothing else does."""
    augmenting = [mention for mention in found if mention.augments and not mention.planned]
    augmenting = augmenting or _carried_out_later(found, told)
    chosen: list[Mention] = []
    later: list[Mention] = []
    earlier: list[Mention] = []
    passing = _Passing(told)
    known: set[str] = set()
    for place, mention in enumerate(augmenting):
        repeated = mention.again and (chosen or any(not other.again for other in augmenting))
        if repeated or _is_later(mention, chosen, known, passing):
            later.append(mention)
        elif not chosen and _is_earlier(mention, augmenting[place + 1 :]):
            earlier.append(mention)
        else:
            chosen.append(mention)
            known.update(mention.codes or fractured.get(mention.place[0], ()))
    return Index(tuple(chosen), tuple(later), tuple(earlier)) if chosen else None


class _Passing:
    """In which sentences time passes, or something new happens: each is looked at once."""

    def __init__(self, told: Sequence[Sentence]) -> None:
        self._told = told
        self._counts = [0]

    def between(self, first: int, last: int) -> bool:
        """Whether it does behind the sentence `first`, up to and with the sentence `last`."""
        end = min(last + 1, len(self._told))
        while len(self._counts) <= end:
            self._counts.append(self._counts[-1] + _goes_on(self._told[len(self._counts) - 1]))
        return self._counts[end] > self._counts[min(first + 1, end)]


def _is_later(mention: Mention, chosen: Sequence[Mention], known: Set[str], passing: _Passing) -> bool:
    """Done in a later sentence, at none of the levels known so far, because of something new."""
    if not chosen or mention.anchor or not mention.done or mention.place[0] == chosen[0].place[0]:
        return False
    if _told_as_past(chosen[0]) and mention.hit.code != chosen[0].hit.code:
        return True
    if mention.hit.term["bridges"] and not chosen[0].hit.term["bridges"]:
        return passing.between(chosen[0].place[0], mention.place[0])
    codes = mention.codes or {code for level in _new_fracture_mentions(mention.sentence) for code in level.codes}
    if not known or not codes or not known.isdisjoint(codes):
        return False
    if _goes_on(mention.sentence):
        return True
    beside = not neighbours(known).isdisjoint(codes)
    same = beside or mention.hit.code == chosen[0].hit.code
    return same and passing.between(chosen[0].place[0], mention.place[0])


def _goes_on(sentence: Sentence) -> bool:
    """Whether time passes, or something new happens, in a sentence told after the augmentation."""
    text = sentence.text
    return _NEW.search(text) is not None or any(time.relation is Relation.AFTER for time in find_times(text))


def _told_as_past(mention: Mention) -> bool:
    """ "Had been treated by vertebroplasty 7 months earlier"."""
    times = find_times(mention.sentence.text)
    return any(t.relation is Relation.BEFORE and abs(t.start - mention.hit.end) < 60 for t in times)


def _is_earlier(mention: Mention, rest: Sequence[Mention]) -> bool:
    """Called previous, at other levels than an augmentation that is told as done further on; or told as past, and far
    from that one (next to it, a new fracture is its harm)."""
    if not mention.codes:
        return False
    near = mention.codes if mention.earlier else mention.codes | neighbours(mention.codes)
    far = [other for other in rest if other.done and (codes := _meant(other)) and near.isdisjoint(codes)]
    return any(mention.earlier or _told_as_past(mention) or _years_before(mention, other) for other in far)


def _meant(mention: Mention) -> frozenset[str]:
    """The vertebrae of an operation: its own, else those of the fracture its sentence tells of."""
    fractured = (*fracture_mentions(mention.sentence), *_new_fracture_mentions(mention.sentence))
    return mention.codes or frozenset(code for level in fractured for code in level.codes)


def _years_before(mention: Mention, other: Mention) -> bool:
    """ "In 2011 she underwent kyphoplasty of L1; in 2014 T8 was treated": each with the year of its sentence."""
    years = [[int(found[0]) for found in _YEAR.finditer(each.sentence.text)] for each in (mention, other)]
    return all(len(found) == 1 for found in years) and years[0][0] < years[1][0]


def index_facts(patient: PatientText, index: Index, echoes: Sequence[Mention], course: Course) -> list[ProcedureFact]:
    """The index procedure as facts: one, or one for each kind of augmentation that was done."""
    fractured = fractured_levels(patient.case)
    own = {id(mention) for mention in index.mentions}
    told = [*index.mentions, *(m for m in echoes if m.augments and not m.again and id(m) not in own)]
    kinds = [m.hit.code for m in index.mentions if m.hit.code != "augmentation"]
    done = [m.hit.code for m in index.mentions if m.done and m.hit.code in kinds]
    facts: list[ProcedureFact] = []
    for kind in dict.fromkeys([*(done or kinds[:1] or [index.mentions[0].hit.code])]):
        same = [m for m in told if m.hit.code in (kind, "augmentation")] or [index.mentions[0]]
        code = {
            "augmentation": "other",
            "fusion": "cement-augmented-fixation",
            "instrumentation": "cement-augmented-fixation",
        }.get(kind, kind)
        named = next((m for m in same if m.hit.code == kind), same[0])
        facts.append(
            ProcedureFact(
                id=f"{patient.number}/index-{len(facts) + 1}",
                role="index",
                kind=Coded(code=code, text=named.words, span=(named.span(),)),
                level=_stated_levels(same)
                or _fracture_levels(patient, same, fractured, course)
                or _listed_level(patient)
                or _injected_level(patient),
                span=tuple(dict.fromkeys(m.span() for m in [named, *(m for m in same if m.done)]))[:4],
                rule="procedures.index",
            )
        )
    return facts


def _stated_levels(found: Sequence[Mention]) -> tuple[Level, ...]:
    """The levels given to the operation itself, by the first mention that gives any; captions come last."""
    for mention in sorted(found, key=lambda m: m.sentence.section is Section.CAPTION):
        if mention.levels:
            return level_facts(mention.sentence, mention.levels, "procedures.index-level")
    return ()


def fractured_levels(sentences: Sequence[Sentence]) -> dict[int, tuple[str, ...]]:
    """By sentence, the levels at which it tells of a fracture that is not new."""
    found = {}
    for number, sentence in enumerate(sentences):
        codes = tuple(code for mention in fracture_mentions(sentence) for code in mention.codes)
        if codes and not general(sentence.text):
            found[number] = codes
    return found


@read_once
def fracture_mentions(sentence: Sentence) -> Sequence[LevelMention]:
    """The levels of what an augmentation is done for in a sentence."""
    text = sentence.text
    heads = [head for head in lexicon("indications").find(text) if head.term["group"] != "elsewhere"]
    heads = [head for head in heads if not _NOT_TREATED.search(text, max(0, head.start - 30), head.start)]
    heads = [h for h in heads if context.polarity(sentence, h.start, h.end) is not Polarity.NEGATED]
    return _levels_of(heads, bind_to(text, with_others(text, heads))) if heads else ()


def _new_fracture_mentions(sentence: Sentence) -> Sequence[LevelMention]:
    """The levels of new fractures."""
    bound = bind(sentence.text)
    return _levels_of([head for head in bound.heads if head.code in ("fracture", "adjacent-fracture")], bound)


def _levels_of(heads: Sequence[Hit], bound: Bound) -> Sequence[LevelMention]:
    return tuple(dict.fromkeys(level for head in heads for level in bound.of(head.start, head.end)))


def _fracture_levels(
    patient: PatientText, same: Sequence[Mention], fractured: dict[int, tuple[str, ...]], course: Course
) -> tuple[Level, ...]:
    """Where the operation has no level: the fracture it was done for, told in its sentence, else before any harm."""
    places = [m.place[0] for m in same if m.place[0] in fractured]
    if not places:
        places = sorted(
            (n for n in fractured if n <= course.index[0] or (course.clocks[n] is None and n < course.revision[0])),
            key=lambda n: abs(n - course.index[0]),
        )
    if not places:
        return ()
    sentence = patient.case[places[0]]
    return level_facts(sentence, fracture_mentions(sentence), "procedures.index-level-of-fracture")


def _injected_level(patient: PatientText) -> tuple[Level, ...]:
    """ "Cement had been injected into L1"."""
    for sentence in patient.case:
        put_in = _PUT_IN.search(sentence.text)
        for group in find_groups(sentence.text) if put_in and not general(sentence.text) else []:
            if put_in and 0 <= group.start - put_in.end() < 12:
                return level_facts(sentence, group.mentions, "index_procedure.level-of-injection")
    return ()


def _listed_level(patient: PatientText) -> tuple[Level, ...]:
    """A terse case line: "75-year-old woman, T12, ..."."""
    for sentence, person in patient.people[:1]:
        for group in find_groups(sentence.text):
            if compiled(r"[\s,;(]*(?:with\s|at\s)?").fullmatch(sentence.text[person.end : group.start]):
                return level_facts(sentence, group.mentions, "procedures.index-level-listed")
    return ()
