"""A muscle grade that a later sentence goes on with ("After three months it was 4/5")."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_service.extraction.document import Sentence
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import Coded, ObservationFact

_IT = compiled(
    r"\b(?:it|this)\s(?:was|is|had|has|became|rose|improved|increased|fell|dropped|recovered|remained|returned|reached)\b"
    r"[^.;,\d]{0,40}?(?P<grade>(?P<value>[0-5])\s?/\s?5)(?!\d)",
    re.IGNORECASE,
)
_REACH = 2
"""Sentences."""
_CODE = "mrc-muscle-grade"


class ContinuedGrades:
    """The muscle power a story told of last, for the sentences that call it "it"."""

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self._told: tuple[Sentence, ObservationFact] | None = None

    def read(self, sentence: Sentence, facts: list[ObservationFact]) -> list[ObservationFact]:
        """The facts of the sentence, with the grade of its "it"."""
        graded = [fact for fact in facts if fact.kind.code == _CODE]
        if not graded:
            facts = facts + self._continued(sentence)
        else:
            self._told = (sentence, graded[-1])
        return facts

    def _continued(self, sentence: Sentence) -> list[ObservationFact]:
        match = _IT.search(sentence.text) if "/" in sentence.text else None
        if match is None or self._told is None:
            return []
        before, known = self._told
        if before.section is not sentence.section or not 0 < sentence.index - before.index <= _REACH:
            return []
        points = timepoints(sentence)
        point = points[0] if len(points) == 1 else None
        fact = ObservationFact(
            id="",
            kind=Coded(code=_CODE, text=known.kind.text),
            value=Decimal(match["value"]),
            unit=known.unit,
            side=known.side,
            time=relative_time(sentence, point, self.operations, match.start()),
            span=(sentence.span(*match.span("grade")),),
            rule="measurements.continued-grade",
            confidence=0.8,
        )
        return [fact]
