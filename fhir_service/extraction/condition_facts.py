"""A condition as a fact, before it is numbered."""

from __future__ import annotations

from fhir_service.extraction.document import Sentence
from fhir_service.reports.case_report import Coded, ConditionFact


def condition(sentence: Sentence, at: tuple[int, int], *, role: str, words: str, rule: str) -> ConditionFact:
    """A ConditionFact stated at `at`; numbered later."""
    return ConditionFact(
        id="", role=role, kind=Coded(text=words), span=(sentence.span(*at),), rule=f"conditions.{rule}"
    )
