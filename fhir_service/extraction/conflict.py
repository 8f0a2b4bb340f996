"""What a rule hands over when two statements exclude each other."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_service.reports.span import SourceSpan


@dataclass(frozen=True)
class Conflict:
    """`rule` found it; one span a statement; ids of the facts that disagree, and of the patient both are about."""

    rule: str
    detail: str
    spans: tuple[SourceSpan, ...]
    implicated: tuple[str, ...] = ()
    patient: str | None = None
