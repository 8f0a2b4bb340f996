"""One harm of a patient as a fact: where, on which side, since when, and what the report blames."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from fhir_service.extraction.binding import bind
from fhir_service.extraction.course import Clock, Course
from fhir_service.extraction.document import Section
from fhir_service.extraction.harm_sides import side_of
from fhir_service.extraction.harms import Harm, find_harms
from fhir_service.extraction.levels import level_facts
from fhir_service.extraction.narrative import general
from fhir_service.extraction.patterns import compiled
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

BY_CEMENT = ("cement-", "pulmonary-cement", "cardiac-cement", "arterial-cement")
INHERITS_PRESENTATION = (
    "cement-leakage-intradural",
    "cement-leakage-epidural",
    "cement-leakage-foraminal",
    "cement-leakage-intradiscal",
    "cement-leakage-venous",
    "cement-leakage-unspecified",
    "pulmonary-cement-embolism",
    "cardiac-cement-embolism",
    "arterial-cement-embolism",
    "cement-dislodgement",
    "retropulsed-fragment",
)
"""Harms that cause a complaint: they date from the first complaint, not from the image that shows them."""
_DATED_BY_COMPLAINT = (*INHERITS_PRESENTATION, "spinal-cord-compression")
_BESIDE = "cement-leakage-paravertebral"
"""Cement beside the vertebra is the cause of a complaint only where nothing else is told that could be."""
_DEATH = "death"
_CAUSE = compiled(
    r"\b(?:caused\sby|due\sto|because\sof|resulting\sfrom|resulted\sfrom|secondary\sto|as\sa\sresult\sof|attributed\sto|owing\sto|gave\srise\sto)\s[^.;,()]{3,80}",
    re.IGNORECASE,
)
_LASTING = compiled(
    r"\b(?:reliev\w+|remain\w*|unchanged|improv\w+|recover\w*|persist\w*|resolv\w+|as\sbefore|hardly|disappear\w*)\b",
    re.IGNORECASE,
)
_DISC_LEVELS = compiled(
    r"\b(?:disc\sspace|collapse|destruct|erosion|signal|endplate|abscess|edema|oedema)", re.IGNORECASE
)


_BY_SOMETHING_ELSE = compiled(
    r"\b(?!cement|procedure|surg|operation|leak|\w*plasty)[a-z]+[\s-]induced\b", re.IGNORECASE
)
_FATAL_CAUSE = compiled(
    r"\b(?:of|from|due\sto|because\sof|owing\sto)\s(?:an?\s|the\s|her\s|his\s)?(?:[a-z-]+\s){0,3}?"
    r"(?:ha?emorrhage|embol(?:ism|us|i)|infection|sepsis|failure|arrest|pneumonia|shock|infarction|stroke|disease)\b",
    re.IGNORECASE,
)


def _end_with_cause(harm: Harm) -> int:
    """Where the words of a harm end; those of a death hold what it was of, as far as its clause says it."""
    if harm.code != "death":
        return harm.end
    clause = compiled(r"[;.](?:\s|$)").search(harm.sentence.text, harm.end)
    cause = _FATAL_CAUSE.search(harm.sentence.text, harm.end, clause.start() if clause else len(harm.sentence.text))
    return cause.end() if cause else harm.end


class FactBuilder:
    """Makes the facts of one patient's harms."""

    def __init__(
        self,
        course: Course,
        procedures: Sequence[ProcedureFact],
        index: Sequence[ProcedureFact],
        treated: frozenset[str],
        codes: frozenset[str],
    ) -> None:
        self.course = course
        self.procedures = procedures
        self.index = index
        self.treated = treated
        self.codes = codes

    def fact(self, number: int, group: Sequence[Harm]) -> ComplicationFact:
        first = group[0]
        sentence = first.sentence
        by_cement = first.code.startswith(BY_CEMENT)
        side = next((side for harm in group if (side := side_of(harm))), None)
        sided = next((harm for harm in group if side_of(harm)), first)
        end = _end_with_cause(first)
        onset = self._onset(group)
        return ComplicationFact(
            id=f"{self.course.patient.number}/complication-{number}",
            kind=Coded(code=first.code, text=sentence.text[first.start : end], span=(sentence.span(first.start, end),)),
            level=self._levels(group),
            side=Coded(
                code=side[0], text=sided.sentence.text[side[1] : side[2]], span=(sided.sentence.span(side[1], side[2]),)
            )
            if side
            else None,
            onset=onset,
            cause=self._cause(group),
            suspect=self._suspects(group, onset),
            cement_suspect=Truth(value=True, span=(sentence.span(first.start, first.end),)) if by_cement else None,
            span=tuple(dict.fromkeys(harm.sentence.span(harm.start, harm.end) for harm in group))[:4],
            rule=f"complications.{first.code}",
        )

    def _suspects(self, group: Sequence[Harm], onset: RelativeTime | None) -> tuple[str, ...]:
        """The operation a harm followed: the one its onset counts from; a revision where it is told of only after that
        and is not what the revision was for; none where the words name another cause; else the augmentation."""
        if any(_BY_SOMETHING_ELSE.search(harm.sentence.text, max(0, harm.start - 25), harm.end) for harm in group):
            return ()
        index = tuple(fact.id for fact in self.index)
        if onset is not None and onset.event is not None and onset.event not in index:
            return (onset.event,)
        new = all(
            self.course.after_revision(harm.sentence) and not _LASTING.search(harm.sentence.text) for harm in group
        )
        revisions = [fact for fact in self.procedures if fact.role == "revision" and fact.polarity is Polarity.AFFIRMED]
        return (revisions[-1].id,) if new and revisions else index

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
        code = group[0].code
        inherits = code in _DATED_BY_COMPLAINT or (code == _BESIDE and self.codes <= {_BESIDE, "other"})
        for harm in group:
            time = self._own_time(harm)
            if time is not None and not self._presented_earlier(time, inherits=inherits):
                return time.relative(
                    self._event(harm), harm.sentence.span(time.start, time.end), "complications.onset-stated"
                )
            if time is None and not inherits and code not in (_BESIDE, _DEATH) and (clock := self._clock(harm)):
                return self._from_clock(clock)
        if code in (_BESIDE, _DEATH) and not inherits:
            return None
        clock = self._presentation(group[0]) if inherits else None
        clock = clock or next((c for harm in group if (c := self._clock(harm)) is not None), None)
        return None if clock is None else self._from_clock(clock)

    def _presentation(self, harm: Harm) -> Clock | None:
        """The first complaint, where the harm is not told before it."""
        first = self.course.presenting
        place = self.course.place(harm.sentence, 0)
        told = None if first is None else self.course.place(first.told_in, 0)
        summary = place is not None and place[0] == self.course.index[0]
        return None if place is not None and told is not None and place < told and not summary else first

    def _presented_earlier(self, time: TimeMention, *, inherits: bool) -> bool:
        """Cement out of place dates from the first complaint, not from the image that shows it."""
        first = self.course.presenting
        if not inherits or first is None or first.time.days is None:
            return False
        return time.days is None or first.time.days < time.days

    def _clock(self, harm: Harm) -> Clock | None:
        if self.course.after_revision(harm.sentence):
            return self.course.presenting if _LASTING.search(harm.sentence.text) else None
        return self.course.clock(harm.sentence)

    def _own_time(self, harm: Harm) -> TimeMention | None:
        """The time its sentence tells: before it in the sentence, else behind it in the same clause."""
        times = [t for t in find_times(harm.sentence.text) if self._counts(t, harm)]
        before = [t for t in times if t.start < harm.start and ";" not in harm.sentence.text[t.end : harm.start]]
        behind = [
            t
            for t in times
            if t.start >= harm.start
            and not compiled(r";|,\s(?:and|but)\s").search(harm.sentence.text[harm.end : t.start])
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
            unit=clock.unit if clock.value is not None or clock.low is not None else None,
            span=(clock.sentence.span(time.start, time.end),),
            rule="complications.onset-of-presentation",
        )

    def _cause(self, group: Sequence[Harm]) -> tuple[Coded, ...]:
        for harm in group:
            match = _CAUSE.search(harm.sentence.text, harm.end) if harm.sentence.section is not Section.TITLE else None
            if match and match.start() - harm.end < 60:
                return (Coded(text=match[0], span=(harm.sentence.span(*match.span()),), rule="complications.cause"),)
        return ()
