"""What a table column says of a patient's diagnoses: the cause of the fracture, the symptoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patient_columns import Column
from fhir_service.reports.case_report import Coded, ConditionFact

_CAUSE = r"^(?:a?etiolog|cause|underlying|patholog|reason)"
_SYMPTOMS = r"symptom|complaint|^presentation"


def with_column(facts: Sequence[ConditionFact], column: Column, case_number: int) -> tuple[ConditionFact, ...]:
    """The conditions with what the column adds: told again it is one more span, told there alone a fact."""
    return tuple(_with_symptoms(_with_cause(facts, column), column, case_number))


def _with_cause(facts: Sequence[ConditionFact], column: Column) -> list[ConditionFact]:
    part = column.part(_CAUSE)
    if part is None:
        return list(facts)
    cell, start, end = part
    span = cell.span(start, end)
    cause = Coded(text=cell.text[start:end], span=(span,))
    return [
        msgspec.structs.replace(fact, span=(*fact.span, span), cause=fact.cause or (cause,))
        if fact.role == "indication"
        else fact
        for fact in facts
    ]


def _with_symptoms(facts: list[ConditionFact], column: Column, case_number: int) -> Iterator[ConditionFact]:
    part = column.part(_SYMPTOMS)
    told: list[ConditionFact] = []
    if part is not None:
        cell, start, end = part
        for hit in lexicon("conditions").find(cell.text):
            if start <= hit.start and hit.end <= end and hit.term["group"] == "symptom":
                words = cell.text[hit.start : hit.end]
                span = (cell.span(hit.start, hit.end),)
                rule = "column_conditions.symptom"
                told.append(ConditionFact(id="", role="symptom", kind=Coded(text=words), span=span, rule=rule))
    for fact in facts:
        again = [one for one in told if fact.role == "symptom" and _same(one, fact)]
        told = [one for one in told if one not in again]
        yield msgspec.structs.replace(fact, span=(*fact.span, *(span for one in again for span in one.span)))
    count = sum(fact.role == "symptom" for fact in facts)
    for number, fact in enumerate(told, count + 1):
        yield msgspec.structs.replace(fact, id=f"{case_number}/symptom-{number}")


def _same(one: ConditionFact, other: ConditionFact) -> bool:
    return set((one.kind.text or "").lower().split()) <= set((other.kind.text or "").lower().split())
