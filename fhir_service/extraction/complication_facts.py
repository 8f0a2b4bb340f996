"""One harm of a patient as a fact: where, on which side, since when, and what the report blames."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from fhir_service.extraction.binding import bind
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.harm_causes import by_something_else, end_with_cause, stated_cause
from fhir_service.extraction.harm_onsets import LASTING, Onsets
from fhir_service.extraction.harm_sides import side_of
from fhir_service.extraction.harms import NOWHERE, Harm, find_harms
from fhir_service.extraction.level_references import disc_beside, goes_on_at
from fhir_service.extraction.levels import level_facts
from fhir_service.extraction.narrative import general
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import (
    Coded,
    ComplicationFact,
    Level,
    Polarity,
    ProcedureFact,
    RelativeTime,
    Truth,
)

BY_CEMENT = ("cement-", "pulmonary-cement", "cardiac-cement", "arterial-cement")
_OF_TREATED_VERTEBRA = ("retropulsed-fragment", "refracture", "cement-dislodgement", "radiculopathy")
"""Harms that lie where the cement was put, where that is one vertebra."""
_DISC_LEVELS = compiled(
    r"\b(?:disc\sspace|collapse|destruct|erosion|signal|endplate|abscess|edema|oedema)", re.IGNORECASE
)


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
        self.onsets = Onsets(course, procedures, index, codes)

    def fact(self, number: int, group: Sequence[Harm]) -> ComplicationFact:
        first = group[0]
        sentence = first.sentence
        by_cement = first.code.startswith(BY_CEMENT)
        side = next((side for harm in group if (side := side_of(harm))), None)
        sided = next((harm for harm in group if side_of(harm)), first)
        end = end_with_cause(first)
        onset = self.onsets.of(group)
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
            cause=stated_cause(group),
            suspect=self._suspects(group, onset),
            cement_suspect=Truth(value=True, span=(sentence.span(first.start, first.end),)) if by_cement else None,
            span=tuple(dict.fromkeys(harm.sentence.span(harm.start, harm.end) for harm in group))[:4],
            rule=f"complications.{first.code}",
        )

    def _suspects(self, group: Sequence[Harm], onset: RelativeTime | None) -> tuple[str, ...]:
        """The operation a harm followed: the one its onset counts from; a revision where it is told of only after that
        and is not what the revision was for; none where the words name another cause; else the augmentation."""
        if any(by_something_else(harm) for harm in group):
            return ()
        index = tuple(fact.id for fact in self.index)
        if onset is not None and onset.event is not None and onset.event not in index:
            return (onset.event,)
        new = all(
            self.course.after_revision(harm.sentence) and not LASTING.search(harm.sentence.text) for harm in group
        )
        revisions = [fact for fact in self.procedures if fact.role == "revision" and fact.polarity is Polarity.AFFIRMED]
        return (revisions[-1].id,) if new and revisions else index

    def _levels(self, group: Sequence[Harm]) -> tuple[Level, ...]:
        code = group[0].code
        located = next((harm for harm in group if harm.levels), None)
        if code == "cement-leakage-intradiscal" and (beside := self._disc_beside(group)):
            return beside
        if located is not None:
            return level_facts(located.sentence, located.levels, "complications.level")
        if (told_on := goes_on_at(self._following(group[0]), "complications.level-told-on")) and code not in NOWHERE:
            return told_on
        if code == "infection":
            return self._infected()
        if code in _OF_TREATED_VERTEBRA and len(self.treated) == 1 and (code != "radiculopathy" or self._by_fragment()):
            return tuple(
                msgspec.structs.replace(level, rule="complications.level-of-treated-vertebra")
                for level in self.index[0].level
            )
        return ()

    def _disc_beside(self, group: Sequence[Harm]) -> tuple[Level, ...]:
        """ "The disc above": beside the vertebra named with it, else beside the one that was treated."""
        for harm in group:
            named = harm.codes or self.treated
            if len(named) == 1:
                both = disc_beside(
                    harm.sentence, harm.start, harm.end, next(iter(named)), "complications.level-of-disc"
                )
                if both:
                    return both
        return ()

    def _following(self, harm: Harm) -> Sentence | None:
        place = self.course.place(harm.sentence, 0)
        case = self.course.patient.case
        return case[place[0] + 1] if place is not None and place[0] + 1 < len(case) else None

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
