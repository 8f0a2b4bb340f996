"""One patient to a Case: the facts of every kind, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from fhir_service.extraction import (
    cement_volumes,
    complications,
    conditions,
    demographics,
    findings,
    follow_up,
    measurements,
    outcome,
    remarks,
    table_cases,
    techniques,
)
from fhir_service.extraction.column_conditions import with_column
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Document, Sentence
from fhir_service.extraction.links import linked
from fhir_service.extraction.patient_tables import Column
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.seriousness import with_seriousness
from fhir_service.extraction.times import DAYS
from fhir_service.reports.case_report import (
    Case,
    Coded,
    ComplicationFact,
    ConditionFact,
    ObservationFact,
    ProcedureFact,
    RelativeTime,
    Truth,
)

_ROUNDING = Decimal("0.15")
read_row = table_cases.row_procedures
_DEATH = "death"


@dataclass(frozen=True)
class Told:
    """A patient with the operations that were read; a table row has no course."""

    patient: PatientText
    course: Course | None
    procedures: tuple[ProcedureFact, ...]


@dataclass(frozen=True)
class _Core:
    procedures: tuple[ProcedureFact, ...]
    observations: tuple[ObservationFact, ...]
    harms: tuple[ComplicationFact, ...]
    end: Coded | None


def row_case(document: Document, told: Told) -> Case:
    """The case a table row makes of a patient of another paper."""
    patient, row = told.patient, told.patient.row
    if row is None:
        raise ValueError("the patient stands in no table row")
    harms = table_cases.row_complications(patient.number, row, told.procedures)
    core = _Core(told.procedures, (), harms, table_cases.row_outcome(row))
    return _case(document, patient, core, (row.sentence,))


def read_case(document: Document, told: Told, everyone: Sequence[Course]) -> Case:
    """The case of a patient told in running text, with what a table column adds."""
    patient, course = told.patient, told.course
    if course is None:
        raise ValueError("the patient is told in no running text")
    facts = techniques.with_techniques(course, told.procedures)
    index = next(fact for fact in facts if fact.role == "index")
    harms = complications.read(course, facts, everyone)
    followed = follow_up.read_follow_up(course, harms)
    core = _Core(
        procedures=facts,
        observations=(*cement_volumes.volumes(course, index), *((followed,) if followed else ())),
        harms=harms,
        end=outcome.read_outcome(course, harms),
    )
    if patient.column is not None:
        core = _with_column(patient.number, patient.column, core)
    core = replace(core, harms=_with_outcome(core.harms, core.end))
    return _case(document, patient, core, patient.sentences, alone=len(everyone) == 1)


def _case(
    document: Document, patient: PatientText, core: _Core, sentences: tuple[Sentence, ...], *, alone: bool = False
) -> Case:
    number, facts = patient.number, core.procedures
    dead = core.end is not None and core.end.code == "fatal"
    case = Case(
        number=number,
        id=f"{number}/patient",
        span=demographics.patient_span(patient),
        sex=demographics.read_sex(document, patient),
        age=demographics.read_age(patient),
        deceased=Truth(value=True, span=core.end.span, rule="read_case.deceased") if dead and core.end else None,
        procedure=facts,
        condition=_conditions(patient, sentences, facts),
        observation=(
            *core.observations,
            *measurements.read(document, sentences, number, facts, alone=alone),
            *findings.read(document, sentences, number, facts),
        ),
        complication=with_seriousness(core.harms, facts),
        remark=tuple(remarks.read(sentences, number, facts)),
    )
    return linked(case)


def _conditions(
    patient: PatientText, sentences: tuple[Sentence, ...], facts: Sequence[ProcedureFact]
) -> tuple[ConditionFact, ...]:
    told = conditions.read(sentences, patient.number, facts)
    return told if patient.column is None else with_column(told, patient.column, patient.number)


def _with_column(number: int, column: Column, core: _Core) -> _Core:
    """What a table column says of the patient, where the running text does not say it."""
    index = next(fact for fact in core.procedures if fact.role == "index")
    told = table_cases.column_levels(column, index)
    timed = tuple(_timed(harm, column, told) for harm in core.harms)
    return _Core(
        procedures=tuple(told if fact is index else fact for fact in core.procedures),
        observations=_with_volume(core.observations, table_cases.column_volume(number, column, told)),
        harms=timed,
        end=core.end or table_cases.column_outcome(column),
    )


def _timed(harm: ComplicationFact, column: Column, index: ProcedureFact) -> ComplicationFact:
    onset, printed = harm.onset, table_cases.column_onset(column, index, harm)
    if printed is None:
        return harm
    if onset is None or (onset.value is None and onset.low is None):
        return msgspec.structs.replace(harm, onset=printed)
    if not _about_the_same(onset, printed):
        return harm
    return msgspec.structs.replace(harm, onset=msgspec.structs.replace(onset, span=(*onset.span, *printed.span)))


def _about_the_same(one: RelativeTime, other: RelativeTime) -> bool:
    """Two months and eight weeks are."""
    if one.value is None or other.value is None or not one.unit or not other.unit or one.relation != other.relation:
        return False
    days = one.value * DAYS[one.unit]
    return abs(days - other.value * DAYS[other.unit]) <= days * _ROUNDING


def _with_volume(known: tuple[ObservationFact, ...], volume: ObservationFact | None) -> tuple[ObservationFact, ...]:
    """The same volume told twice is one fact with both spans; another volume than the text's is left to the text."""
    if volume is None:
        return known
    volumes = [fact for fact in known if fact.kind.code == volume.kind.code]
    if not volumes:
        return (volume, *known)
    return tuple(
        msgspec.structs.replace(fact, span=(*fact.span, *volume.span))
        if fact in volumes and fact.value == volume.value
        else fact
        for fact in known
    )


def _with_outcome(harms: Sequence[ComplicationFact], end: Coded | None) -> tuple[ComplicationFact, ...]:
    """Each harm has the end that the words can mean: a death its own; better, only what the patient felt or could not
    do; any other end that too, and a leak or a fracture only where there is no such harm."""
    if end is None:
        return tuple(harms)
    deadly = [harm for harm in harms if harm.kind.code == _DEATH]
    felt = [harm for harm in harms if harm.kind.code in outcome.FELT]
    if end.code == "fatal":
        meant = deadly or harms
    elif end.code == "recovering":
        meant = felt
    else:
        meant = felt or harms
    ended = {harm.id for harm in meant}
    return tuple(msgspec.structs.replace(harm, outcome=end) if harm.id in ended else harm for harm in harms)
