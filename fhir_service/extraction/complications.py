"""Harms of one patient after the augmentation: which, where, when, with what end, and what the report blames."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.course import Clock, Course
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.harms import Harm, find_harms, masses, side_of
from fhir_service.extraction.levels import level_facts, neighbours
from fhir_service.extraction.narrative import collective, general, names_patient, of_others
from fhir_service.extraction.timeline import Anchor, TimeMention, find_times
from fhir_service.reports.case_report import (
    Coded,
    ComplicationFact,
    Level,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
    Truth,
)

_BY_CEMENT = ("cement-", "pulmonary-cement", "cardiac-cement", "arterial-cement")
_INHERITS_PRESENTATION = (
    "cement-leakage-intradural",
    "cement-leakage-epidural",
    "cement-leakage-foraminal",
    "cement-leakage-intradiscal",
)
_INHERITS_PRESENTATION += (
    "cement-leakage-venous",
    "cement-leakage-unspecified",
    "pulmonary-cement-embolism",
    "cardiac-cement-embolism",
)
_INHERITS_PRESENTATION += ("arterial-cement-embolism", "cement-dislodgement", "retropulsed-fragment")
_TIMELESS = ("spinal-cord-compression", "cement-leakage-paravertebral", "death")
_TREATED = re.compile(
    r"\b(?:medication|treatment|therapy|drugs?|chemotherapy|antibiotics?)\s(?:against|for)\s(?:the\s)?(?:\w+\s)?$",
    re.IGNORECASE,
)
_BEGUN = re.compile(r"\b(?:begun|started|given|initiated|administered|prescribed)\b", re.IGNORECASE)
_HISTORY = re.compile(
    r"\b(?:history\sof|previous|prior|once\shad|past|known|underlying|pre-?existing|pre-?operative(?:ly)?|before)\b[^.;,]{0,40}$",
    re.IGNORECASE,
)
_CAUSE = re.compile(
    r"\b(?:caused\sby|due\sto|because\sof|resulting\sfrom|resulted\sfrom|secondary\sto|as\sa\sresult\sof|attributed\sto|owing\sto|gave\srise\sto)\s[^.;,()]{3,80}",
    re.IGNORECASE,
)
_FEARED = re.compile(
    r"\b(?:fear\w*|scared|afraid|terrified|worr\w+|prevent\w*|avoid\w*|to\sexclude|will\sget|in\sorder\sto)\b[^.;]{0,40}$",
    re.IGNORECASE,
)
_LASTING = re.compile(
    r"\b(?:reliev\w+|remain\w*|unchanged|improv\w+|recover\w*|persist\w*|resolv\w+|as\sbefore|hardly|disappear\w*)\b",
    re.IGNORECASE,
)
_DISC_LEVELS = re.compile(
    r"\b(?:disc\sspace|collapse|destruct|erosion|signal|endplate|abscess|edema|oedema)", re.IGNORECASE
)


def read(
    document: Document, course: Course, procedures: Sequence[ProcedureFact], everyone: Sequence[Course]
) -> tuple[ComplicationFact, ...]:
    """The complications of a patient told in running text."""
    del document
    index = tuple(fact for fact in procedures if fact.role == "index")
    if not index:
        return ()
    treated = frozenset(level.code for fact in index for level in fact.level)
    harms = _settled([*_told(course, treated), *_shared(course, everyone)])
    builder = _Builder(course, procedures, index, treated)
    facts = [builder.fact(number, group) for number, group in enumerate(_grouped(harms), 1)]
    return tuple(facts)


# which harms -----------------------------------------------------------------------------------------------------------


def _told(course: Course, treated: frozenset[str]) -> list[Harm]:
    """Harms told of this patient after the augmentation, first in the leading sentences, then where they are told again."""
    found: list[Harm] = []
    for number, sentence in enumerate(course.patient.case):
        if general(sentence.text) or number < course.index[0]:
            continue
        for harm in find_harms(sentence):
            if number == course.index[0] and harm.start < course.index[1] and not _after_in_sentence(sentence, harm):
                continue
            found += _accepted(harm, treated)
    found += [harm for sentence in course.patient.echo if _retold(sentence) for harm in _echoed(sentence, treated)]
    known = {harm.code for harm in found if harm.sentence.section is not Section.CAPTION}
    found = [harm for harm in found if harm.code in known]  # a caption illustrates, it does not add
    return _with_masses(course, found)


def _retold(sentence: Sentence) -> bool:
    if sentence.section is Section.TITLE:
        return True
    return not general(sentence.text) and not of_others(sentence.text) and not collective(sentence.text)


def _echoed(sentence: Sentence, treated: frozenset[str]) -> list[Harm]:
    harms = [
        harm
        for harm in find_harms(sentence)
        if harm.code not in ("fracture", "death", "other", "spinal-cord-compression")
    ]
    if sentence.section is not Section.TITLE and not names_patient(sentence.text):
        harms = [
            harm
            for harm in harms
            if harm.code.startswith(_BY_CEMENT) or sentence.section in (Section.ABSTRACT, Section.CAPTION)
        ]
    harms = [harm for harm in harms if harm.code != "neurological-deficit" or sentence.section is Section.TITLE]
    return [accepted for harm in harms for accepted in _accepted(harm, treated)]


def _after_in_sentence(sentence: Sentence, harm: Harm) -> bool:
    """A sentence that counts from the augmentation tells what came after it, whichever is printed first."""
    return any(
        (time.relation is not Relation.BEFORE and time.anchor in (Anchor.PROCEDURE, Anchor.SURGERY)) or time.at_once
        for time in find_times(sentence.text)
    ) or any(time.anchor is Anchor.PRESENT for time in find_times(sentence.text[harm.end :]))


def _accepted(harm: Harm, treated: frozenset[str]) -> list[Harm]:
    text = harm.sentence.text
    polarity = harm.polarity
    if polarity is Polarity.HYPOTHETICAL and _TREATED.search(text[: harm.start]) and _BEGUN.search(text):
        polarity = Polarity.AFFIRMED
    meant = context.read(harm.sentence, harm.start, harm.end)
    if meant.family or meant.others or _FEARED.search(text[: harm.start]):
        return []
    if polarity is not Polarity.AFFIRMED or _HISTORY.search(text[: harm.start]):
        return []
    if harm.code == "fracture":
        code = _fracture_code(harm, treated)
        return [msgspec_replace(harm, code)] if code else []
    if harm.code == "adjacent-fracture" and harm.levels and treated and harm.codes <= treated:
        return []
    return [harm]


def msgspec_replace(harm: Harm, code: str) -> Harm:
    return Harm(
        harm.sentence, code, harm.start, harm.end, harm.levels, Polarity.AFFIRMED, harm.weak, harm.new, harm.embolic
    )


def _fracture_code(harm: Harm, treated: frozenset[str]) -> str | None:
    """A fracture told after the augmentation is a harm where it is new, or lies beside the treated vertebrae."""
    if harm.levels and treated and not harm.codes.isdisjoint(treated):
        return None
    beside = bool(harm.levels and treated and harm.codes & neighbours(treated, 1))
    near_word = re.search(r"\badjacent\b", harm.sentence.text) is not None and bool(harm.levels)
    return "adjacent-fracture" if beside or (harm.new and harm.levels) or near_word else None


def _with_masses(course: Course, found: list[Harm]) -> list[Harm]:
    """ "Cement had embolised": where to, another sentence tells that describes something in the heart or the lungs."""
    open_ones = [harm for harm in found if harm.code == "embolus"]
    rest = [harm for harm in found if harm.code != "embolus"]
    if not open_ones or any(harm.embolic for harm in rest):
        return rest
    for number, sentence in enumerate(course.patient.case):
        if number >= course.index[0] and not general(sentence.text):
            rest += masses(sentence)
    return rest


def _shared(course: Course, everyone: Sequence[Course]) -> list[Harm]:
    """What is said of all the reported patients together is said of each."""
    narrated = [other for other in everyone if other.patient.case and not other.patient.speaks]
    if len(narrated) < 2 or course not in narrated:
        return []
    own: list[Harm] = []
    for sentence in course.patient.together:
        for harm in find_harms(sentence):
            if harm.code == "fracture" and re.search(r"\badjacent\b", sentence.text):
                harm = msgspec_replace(harm, "adjacent-fracture")  # noqa: PLW2901 - the same harm, its code settled
            if (
                harm.polarity is Polarity.AFFIRMED
                and harm.code
                in ("radiculopathy", "retropulsed-fragment", "adjacent-fracture", "refracture", "infection")
                + _INHERITS_PRESENTATION
            ):
                own.append(harm)
    return own


def _settled(harms: list[Harm]) -> list[Harm]:
    """Cement in the canal is epidural unless the dura is named; an unspecified leak is one of those that are specified."""
    codes = {harm.code for harm in harms if not harm.weak}
    if "cement-leakage-intradural" in codes and "cement-leakage-epidural" not in codes:
        harms = [harm for harm in harms if not harm.weak]
    if any(
        code.startswith("cement-leakage-") and code != "cement-leakage-unspecified" for code in {h.code for h in harms}
    ):
        harms = [harm for harm in harms if harm.code != "cement-leakage-unspecified"]
    if any(harm.embolic or harm.code == "cement-dislodgement" for harm in harms):
        harms = [harm for harm in harms if harm.code != "cement-leakage-unspecified"]
    return harms


def _grouped(harms: Sequence[Harm]) -> list[list[Harm]]:
    groups: dict[str, list[Harm]] = {}
    for harm in harms:
        key = harm.code if harm.code != "other" else f"other {harm.words.lower()}"
        groups.setdefault(key, []).append(harm)
    return list(groups.values())


# one fact --------------------------------------------------------------------------------------------------------------


class _Builder:
    def __init__(
        self,
        course: Course,
        procedures: Sequence[ProcedureFact],
        index: Sequence[ProcedureFact],
        treated: frozenset[str],
    ) -> None:
        self.course = course
        self.procedures = procedures
        self.index = index
        self.treated = treated

    def fact(self, number: int, group: Sequence[Harm]) -> ComplicationFact:
        first = group[0]
        sentence = first.sentence
        by_cement = first.code.startswith(_BY_CEMENT)
        side = next((side for harm in group if (side := side_of(harm))), None)
        sided = next((harm for harm in group if side_of(harm)), first)
        return ComplicationFact(
            id=f"{self.course.patient.number}/complication-{number}",
            kind=Coded(code=first.code, text=first.words, span=(sentence.span(first.start, first.end),)),
            level=self._levels(group),
            side=Coded(
                code=side[0], text=sided.sentence.text[side[1] : side[2]], span=(sided.sentence.span(side[1], side[2]),)
            )
            if side
            else None,
            onset=self._onset(group),
            cause=self._cause(group),
            suspect=tuple(fact.id for fact in self.index),
            cement_suspect=Truth(value=True, span=(sentence.span(first.start, first.end),)) if by_cement else None,
            span=tuple(dict.fromkeys(harm.sentence.span(harm.start, harm.end) for harm in group))[:4],
            rule=f"complications.{first.code}",
        )

    def _levels(self, group: Sequence[Harm]) -> tuple[Level, ...]:
        located = next((harm for harm in group if harm.levels), None)
        if located is not None:
            return level_facts(located.sentence, located.levels, "complications.level")
        code = group[0].code
        if code == "infection":
            return self._infected()
        if (
            code in ("retropulsed-fragment", "radiculopathy")
            and len(self.treated) == 1
            and (code != "radiculopathy" or self._by_fragment())
        ):
            return tuple(
                msgspec.structs.replace(level, rule="complications.level-of-treated-vertebra")
                for level in self.index[0].level
            )
        return ()

    def _by_fragment(self) -> bool:
        sentences = (*self.course.patient.case, *self.course.patient.together)
        return any(harm.code == "retropulsed-fragment" for s in sentences for harm in find_harms(s))

    def _infected(self) -> tuple[Level, ...]:
        """The levels an imaging finding of this patient names after the augmentation."""
        from fhir_service.extraction.binding import bind

        for number, sentence in enumerate(self.course.patient.case):
            if number <= self.course.index[0] or general(sentence.text):
                continue
            bound = bind(sentence.text)
            for place, head in enumerate(bound.heads):
                if (
                    head.code == "finding"
                    and bound.levels.get(place)
                    and _DISC_LEVELS.search(sentence.text[head.start : head.end + 12])
                ):
                    return level_facts(sentence, bound.levels[place], "complications.level-of-finding")
        return ()

    def _onset(self, group: Sequence[Harm]) -> RelativeTime | None:
        for harm in group:
            time = self._own_time(harm)
            if time is not None and not self._presented_earlier(group[0].code, time):
                return time.relative(
                    self._event(harm), harm.sentence.span(time.start, time.end), "complications.onset-stated"
                )
        code = group[0].code
        if code in _TIMELESS:
            return None
        clock = self._presentation(group[0]) if code in _INHERITS_PRESENTATION else None
        clock = clock or next((c for harm in group if (c := self._clock(harm)) is not None), None)
        return None if clock is None else self._from_clock(clock)

    def _presentation(self, harm: Harm) -> Clock | None:
        """The first complaint, where the harm is not told before it."""
        first = self.course.presenting
        place = self.course.place(harm.sentence, 0)
        told = None if first is None else self.course.place(first.told_in, 0)
        summary = place is not None and place[0] == self.course.index[0]
        return None if place is not None and told is not None and place < told and not summary else first

    def _presented_earlier(self, code: str, time: TimeMention) -> bool:
        """Cement out of place dates from the first complaint, not from the image that shows it."""
        first = self.course.presenting
        if code not in _INHERITS_PRESENTATION or first is None or first.time.days is None:
            return False
        return time.days is None or first.time.days < time.days

    def _clock(self, harm: Harm) -> Clock | None:
        if self.course.after_revision(harm.sentence):
            return self.course.presenting if _LASTING.search(harm.sentence.text) else None
        return self.course.clock(harm.sentence)

    def _own_time(self, harm: Harm) -> TimeMention | None:
        """The time its sentence tells: before it in the sentence, else behind it in the same clause."""
        times = [t for t in find_times(harm.sentence.text) if self._counts(t, harm)]
        before = [t for t in times if t.start < harm.start]
        behind = [
            t
            for t in times
            if t.start >= harm.start and not re.search(r";|,\s(?:and|but)\s", harm.sentence.text[harm.end : t.start])
        ]
        chosen = before[-1] if before else behind[0] if behind else None
        if chosen is None or self.course.place(harm.sentence, 0) is None:
            return chosen if chosen is not None and chosen.anchor in (Anchor.PROCEDURE,) else None
        clock = self.course.clock(harm.sentence)
        if (
            chosen.anchor is Anchor.PREVIOUS
            and clock is not None
            and clock.time == chosen
            and clock.value != chosen.value
        ):
            return None  # counted from something told before: the clock has the sum
        return chosen

    def _counts(self, time: TimeMention, harm: Harm) -> bool:
        if time.relation is Relation.BEFORE or time.anchor in (Anchor.TREATMENT, Anchor.PRESENT):
            return False
        if self.course.after_revision(harm.sentence) and time.anchor is not Anchor.PROCEDURE:
            return harm.code == "death"
        place = self.course.place(harm.sentence, time.start)
        return place is None or place < self.course.revision

    def _event(self, harm: Harm) -> str:
        if self.course.after_revision(harm.sentence):
            later = [fact for fact in self.procedures if fact.role == "revision" and fact.polarity is Polarity.AFFIRMED]
            if later:
                return later[-1].id
        return self.index[0].id

    def _from_clock(self, clock: Clock) -> RelativeTime:
        time = clock.time
        return RelativeTime(
            relation=Relation.AFTER if time.relation is Relation.BEFORE else time.relation,
            event=self.index[0].id,
            value=clock.value,
            low=clock.low,
            high=clock.high,
            unit=time.unit if clock.value is not None or clock.low is not None else None,
            span=(clock.sentence.span(time.start, time.end),),
            rule="complications.onset-of-presentation",
        )

    def _cause(self, group: Sequence[Harm]) -> tuple[Coded, ...]:
        for harm in group:
            match = _CAUSE.search(harm.sentence.text, harm.end) if harm.sentence.section is not Section.TITLE else None
            if match and match.start() - harm.end < 60:
                return (Coded(text=match[0], span=(harm.sentence.span(*match.span()),), rule="complications.cause"),)
        return ()
