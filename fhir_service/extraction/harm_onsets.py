"""When a harm began, counted from the augmentation: by the words beside it, by the story, or by the first complaint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fhir_service.extraction.course import Clock, Course
from fhir_service.extraction.harms import Harm
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.quiet_times import clause_of, is_of_action, is_of_leaving, is_quiet
from fhir_service.extraction.timeline import Anchor, TimeMention, find_times
from fhir_service.reports.case_report import Polarity, ProcedureFact, Relation, RelativeTime

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
_BESIDE = "cement-leakage-paravertebral"
"""Cement beside the vertebra is the cause of a complaint only where nothing else is told that could be."""
_DEATH = "death"
_PRESSED = "spinal-cord-compression"
"""An image shows it; when it began is told only where its own clause says so: the deficit has a date of its own."""
LASTING = compiled(
    r"\b(?:reliev\w+|remain\w*|unchanged|improv\w+|recover\w*|persist\w*|resolv\w+|as\sbefore|hardly|disappear\w*|gone|vanish\w*|subsid\w*|"
    r"settled|faded|still|continu\w*|residual)\b",
    re.IGNORECASE,
)
_NEAR = 30
_BREAK = compiled(r"[.;,]|\b(?:and|but|with|which)\b")


def _same_part(clock: Clock, harm: Harm) -> bool:
    """Whether the time is told in the harm's own part of its sentence."""
    first, last = sorted((clock.time.start, harm.start))
    return clock.sentence is harm.sentence and ";" not in harm.sentence.text[first:last]


def goes_on(harm: Harm) -> bool:
    """Whether a harm is told as one that lasts, gets better or is gone: it began before."""
    text = harm.sentence.text
    behind = LASTING.search(text, harm.end, min(len(text), harm.end + _NEAR))
    return behind is not None and not _BREAK.search(text[harm.end : behind.start()])


@dataclass(frozen=True)
class Onsets:
    """The onsets of one patient's harms; `codes` are those of all of them."""

    course: Course
    procedures: Sequence[ProcedureFact]
    index: Sequence[ProcedureFact]
    codes: frozenset[str]

    def of(self, group: Sequence[Harm]) -> RelativeTime | None:
        """When the harm of these mentions began; None where that is not told."""
        code = group[0].code
        inherits = code in INHERITS_PRESENTATION or (code == _BESIDE and self.codes <= {_BESIDE, "other"})
        for harm in group:
            if goes_on(harm):
                continue
            time = self._own_time(harm)
            if time is not None and not self._presented_earlier(time, inherits=inherits):
                return time.relative(
                    self._event(harm), harm.sentence.span(time.start, time.end), "complications.onset-stated"
                )
            if (
                time is None
                and not inherits
                and code not in (_BESIDE, _DEATH, _PRESSED)
                and (clock := self._clock(harm))
            ):
                return self._from_clock(clock)
        if code in (_BESIDE, _DEATH, _PRESSED) and not inherits:
            counted = self._clock(group[0]) if code != _BESIDE else None
            return self._from_clock(counted) if counted and _same_part(counted, group[0]) else None
        clock = self._presentation(group[0]) if inherits else None
        clock = clock or next((c for h in group if not goes_on(h) and (c := self._clock(h)) is not None), None)
        clock = clock or (self.course.presenting if any(goes_on(harm) for harm in group) else None)
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
            return self.course.presenting if LASTING.search(harm.sentence.text) else None
        clock = self.course.clock(harm.sentence)
        return None if clock is None or clock.quiet else clock

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
            return chosen if chosen is not None and chosen.anchor is Anchor.PROCEDURE else None
        clock = self.course.clock(harm.sentence)
        if (
            chosen.anchor in (Anchor.PREVIOUS, Anchor.DISCHARGE)
            and clock is not None
            and clock.time == chosen
            and clock.value != chosen.value
        ):
            return None  # counted from something told before: the clock has the sum
        return chosen

    def _counts(self, time: TimeMention, harm: Harm) -> bool:
        if time.relation is Relation.BEFORE or time.anchor in (Anchor.TREATMENT, Anchor.PRESENT):
            return False
        text = harm.sentence.text
        if is_of_action(text, time) or is_of_leaving(text, time) or self._was_well(harm, time):
            return False
        if time.anchor is Anchor.PROCEDURE:
            return True
        if self.course.after_revision(harm.sentence):
            return harm.code == _DEATH
        place = self.course.place(harm.sentence, time.start)
        return place is None or place < self.course.revision

    def _was_well(self, harm: Harm, time: TimeMention) -> bool:
        """Whether another clause than the harm's tells the time, and says of it that the patient was well."""
        start, end = clause_of(harm.sentence.text, time.end)
        return not start <= harm.start < end and is_quiet(harm.sentence, time)

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
