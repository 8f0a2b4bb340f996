"""Statements of one report that cannot both be so. Both are kept; this only says that they disagree.

Every rule is general and rather silent than wrong. What is only a rounding (4 months and 16 weeks) is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fhir_service.extraction import citation_conflicts, course_conflicts, disputes, state_conflicts
from fhir_service.extraction.cohort_statements import agrees
from fhir_service.extraction.conflict import Conflict
from fhir_service.extraction.context import is_prose
from fhir_service.extraction.document import Document
from fhir_service.extraction.implicated import implicated
from fhir_service.reports.case_report import CaseReport, Contradiction, GroupStatement


def read(document: Document, case_report: CaseReport) -> tuple[Contradiction, ...]:
    """The contradictions of a report, in reading order, each once."""
    document = replace(document, sentences=tuple(filter(is_prose, document.sentences)))
    found: list[Conflict] = [
        *_shares(case_report.group_statement),
        *citation_conflicts.read(document),
        *state_conflicts.read(document, case_report),
        *course_conflicts.read(document, case_report),
        *disputes.read(document),
    ]
    found.sort(key=lambda conflict: min(span.offset for span in conflict.spans))
    kept: list[Contradiction] = []
    for conflict in _distinct(found):
        facts, patient = implicated(case_report, conflict.spans)
        kept.append(
            Contradiction(
                id=f"0/contradiction-{len(kept) + 1}",
                detail=conflict.detail,
                implicated=conflict.implicated or facts,
                patient=conflict.patient if conflict.implicated else patient,
                span=conflict.spans,
                rule=f"contradictions.{conflict.rule}",
            )
        )
    return tuple(kept)


def _distinct(conflicts: Iterable[Conflict]) -> Iterator[Conflict]:
    seen: set[tuple[str, object]] = set()
    for conflict in conflicts:
        key = (conflict.rule, conflict.spans)
        if key not in seen:
            seen.add(key)
            yield conflict


def _shares(statements: Iterable[GroupStatement]) -> Iterator[Conflict]:
    """A percentage that is not that of its own counts, rounded as printed."""
    statements = tuple(statements)
    for statement in statements:
        percent, part, whole = statement.percent, statement.numerator, statement.denominator
        if percent is None or part is None or not whole or agrees(percent, part, whole):
            continue
        computed = round(100 * part / whole, 2)
        groups = [other for other in statements if other.count == whole and other.id != statement.id]
        yield Conflict(
            rule="share",
            detail=f"{part} of {whole} is {computed} %, not {percent} %",
            spans=(*statement.span[:1], *(span for other in groups[:1] for span in other.span[:1])),
            implicated=(statement.id, *(other.id for other in groups[:1])),
        )
