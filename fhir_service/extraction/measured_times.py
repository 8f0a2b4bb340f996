"""Which of the times a sentence names belongs to which of its measured values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from fhir_service.extraction.analytes import Reading
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.measured_places import neighbourhood
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timepoints import Operations, Timepoint, bare_amounts, relative_time, timepoints
from fhir_service.reports.case_report import RelativeTime

_LIST = compiled(r"[\s,]*(?:\b(?:and|then)\b)?[\s,]*")


@dataclass(frozen=True)
class Times:
    """Which of a sentence's times belongs to which reading."""

    sentence: Sentence
    found: Sequence[Reading]
    operations: Operations

    def of(self, reading: Reading) -> RelativeTime | None:
        points = timepoints(self.sentence)
        if not points and self._is_start(reading):
            return None
        point = self._point(reading, points)
        if point is None and reading.name.term["standing"]:
            return None
        return relative_time(self.sentence, point, self.operations, reading.quantity.start)

    def _point(self, reading: Reading, points: Sequence[Timepoint]) -> Timepoint | None:
        if not points:
            return None
        numbers = [r for r in self.found if r.name.start == reading.name.start]
        if len(numbers) > 1 and len(points) == len(numbers) and "respectively" in self.sentence.text:
            return points[[r.quantity.start for r in numbers].index(reading.quantity.start)]
        if len(numbers) > 1 and (listed := self._listed(reading, numbers, points)) is not None:
            return listed
        return self._own(reading, points) or self._change(reading, points) or self._carried(reading, points)

    def _listed(self, reading: Reading, numbers: list[Reading], points: Sequence[Timepoint]) -> Timepoint | None:
        """`8, 3 and 2 before, at 1 month and at 1 year`: a list of values with a list as long of times."""
        text = self.sentence.text
        if not all(_LIST.fullmatch(text, a.quantity.end, b.quantity.start) for a, b in pairwise(numbers)):
            return None
        first, last = numbers[0].quantity.start, numbers[-1].quantity.end
        times = sorted([*points, *bare_amounts(text, points)], key=lambda point: point.start)
        for side in ([p for p in times if p.end <= first], [p for p in times if p.start >= last]):
            if len(side) == len(numbers):
                return side[[r.quantity.start for r in numbers].index(reading.quantity.start)]
        return None

    def _own(self, reading: Reading, points: Sequence[Timepoint]) -> Timepoint | None:
        before, after = neighbourhood(self.sentence.text, reading, self.found)
        behind = [p for p in points if after[0] <= p.start < after[1]]
        changed = self._is_end(reading) or self._is_start(reading)
        ahead = [p for p in points if before[0] <= p.start < before[1] and not changed]
        return behind[0] if behind else ahead[-1] if ahead else None

    def _is_start(self, reading: Reading) -> bool:
        """The first value of `from 12 to 8`: it was before the second, and nothing says of what else."""
        return compiled(r"\bfrom\s$").search(self._before(reading)) is not None

    def _is_end(self, reading: Reading) -> bool:
        """The second value of `from 9 before surgery to 3`."""
        return compiled(r"\bto\s$").search(self._before(reading)) is not None

    def _before(self, reading: Reading) -> str:
        """The text before the number, or before its name where the two stand together (`from VAS 9`)."""
        name, quantity = reading.name, reading.quantity
        together = name.end <= quantity.start and not self.sentence.text[name.end : quantity.start].strip(" :=")
        return self.sentence.text[: name.start if together else quantity.start]

    def _change(self, reading: Reading, points: Sequence[Timepoint]) -> Timepoint | None:
        """`from 9 to 3 after surgery`: the first was before what the second is after."""
        if not self._is_start(reading):
            return None
        earlier = [p for p in points if p.code == "before"]
        later = [p for p in points if p.code != "before"]
        if earlier:
            return earlier[0]
        return replace(later[0], code="before", mention=None) if later else None

    def _carried(self, reading: Reading, points: Sequence[Timepoint]) -> Timepoint | None:
        """The time said last before the number, or the only one at the end of the sentence."""
        if self._is_end(reading):
            later = [p for p in points if p.code != "before"]
            return later[0] if later else None
        ahead = [p for p in points if p.end <= reading.quantity.start]
        if ahead:
            return ahead[-1]
        last = max(r.quantity.end for r in self.found)
        return points[0] if len(points) == 1 and points[0].start >= last else None
