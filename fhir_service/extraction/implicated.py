"""Which facts a contradiction is about: those that rest on the very words that disagree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fhir_service.reports.case_report import (
    Case,
    CaseReport,
    ComplicationFact,
    ConditionFact,
    ObservationFact,
    ProcedureFact,
)
from fhir_service.reports.span import SourceSpan


def implicated(report: CaseReport, spans: Sequence[SourceSpan]) -> tuple[tuple[str, ...], str | None]:
    """Ids of the facts whose words the spans touch, in the order of the report, and the patient where all are his.
    Where they touch remarks alone, which are no resources, the patients of whom these are."""
    by_case = [(case.id, [one for one, at in _facts(case) if _touch(at, spans)]) for case in report.case]
    touched = [(patient, ids) for patient, ids in by_case if ids]
    groups = [statement.id for statement in report.group_statement if _touch(statement.span, spans)]
    patient = touched[0][0] if len(touched) == 1 and not groups else None
    if not touched and not groups:
        remarks = (case.id for case in report.case if any(_touch(remark.span, spans) for remark in case.remark))
        return tuple(remarks), None
    return (*(one for _, ids in touched for one in ids), *groups), patient


def _facts(case: Case) -> Iterator[tuple[str, tuple[SourceSpan, ...]]]:
    facts: tuple[ProcedureFact | ConditionFact | ObservationFact | ComplicationFact, ...]
    facts = (*case.procedure, *case.condition, *case.observation, *case.complication)
    for fact in facts:
        yield fact.id, fact.span


def _touch(some: Iterable[SourceSpan], others: Sequence[SourceSpan]) -> bool:
    return any(one.offset < other.end and other.offset < one.end for one in some for other in others)
