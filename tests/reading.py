"""Small texts read by the extraction, and what is asserted of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fhir_service.extraction.read_report import extract
from fhir_service.reports.case_report import Case, CaseReport, ComplicationFact, Level, ProcedureFact
from fhir_service.reports.report import Report, Source
from fhir_service.reports.span import SourceSpan


def read(text: str) -> CaseReport:
    return extract(Report(text=text, source=Source(name="test")))


def only(text: str) -> Case:
    """The one case of a text."""
    (case,) = read(text).case
    return case


def codes(levels: tuple[Level, ...]) -> list[str]:
    return [level.code for level in levels]


def index(case: Case) -> ProcedureFact:
    return next(fact for fact in case.procedure if fact.role == "index")


def revisions(case: Case) -> dict[str, list[str]]:
    """Levels by kind."""
    return {fact.kind.code or "": codes(fact.level) for fact in case.procedure if fact.role == "revision"}


def complication(case: Case, code: str) -> ComplicationFact:
    return next(fact for fact in case.complication if fact.kind.code == code)


def complications(case: Case) -> set[str]:
    return {fact.kind.code or "" for fact in case.complication}


def onset(fact: ComplicationFact) -> tuple[str, str] | None:
    """Value and unit of the onset."""
    time = fact.onset
    if time is None or time.unit is None:
        return None
    return (str(time.value if time.value is not None else time.low), time.unit)


def spans(value: Any) -> Iterator[SourceSpan]:
    """Every span anywhere in a fact."""
    if isinstance(value, SourceSpan):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from spans(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from spans(item)
