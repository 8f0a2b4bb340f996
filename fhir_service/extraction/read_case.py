"""One patient to a Case: the facts of every kind, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from fhir_service.extraction import (
    cement_volumes,
    column_cases,
    complications,
    conditions,
    demographics,
    findings,
    follow_up,
    grid_cases,
    grid_harms,
    measurements,
    outcome,
    remarks,
    row_cases,
    techniques,
)
from fhir_service.extraction.column_conditions import with_column
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Document, Sentence
from fhir_service.extraction.links import linked
from fhir_service.extraction.patient_columns import Column
from fhir_service.extraction.patient_rows import Row
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.row_outcomes import row_outcome
from fhir_service.extraction.seriousness import with_seriousness
from fhir_service.reports.case_report import (
    Case,
    Coded,
    ComplicationFact,
    ConditionFact,
    ObservationFact,
    Polarity,
    ProcedureFact,
    Truth,
)

read_row = row_cases.row_procedures
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
    harms = row_cases.row_complications(patient.number, row, told.procedures)
    observations = tuple(row_cases.row_observations(patient.number, row, told.procedures))
    core = _Core(told.procedures, observations, harms, row_outcome(row, operated=_operated(told.procedures)))
    index = next((fact for fact in told.procedures if fact.role == "index"), None)
    return _case(document, patient, core, (row.sentence,), tabled=tuple(row_cases.row_conditions(row, index)))


def grid_case(document: Document, told: Told) -> Case:
    """The case that the report's own table makes of a patient; what the text adds are complaints and results."""
    patient, grid = told.patient, told.patient.grid
    if grid is None:
        raise ValueError("the patient stands in no table of the report")
    index = next(fact for fact in told.procedures if fact.role == "index")
    end = grid_harms.grid_outcome(grid, operated=_operated(told.procedures))
    harms = grid_harms.grid_complications(patient.number, grid, index, patient.case)
    core = _Core(
        told.procedures,
        (
            *grid_cases.grid_observations(patient.number, grid, index),
            *grid_cases.grid_measurements(patient.number, grid, told.procedures),
        ),
        _with_outcome(harms, end),
        end,
    )
    felt = [both for both, _ in grid.of("symptom")]
    tabled = tuple(grid_cases.grid_conditions(grid, index))
    return _case(document, patient, core, (*felt, *patient.case), tabled=tabled)


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
    if patient.row is not None:
        core = _with_row(patient.number, patient.row, core)
    core = replace(core, harms=_with_outcome(core.harms, core.end))
    return _case(document, patient, core, patient.sentences, alone=len(everyone) == 1)


def _operated(procedures: Sequence[ProcedureFact]) -> bool:
    return any(fact.role == "revision" and fact.polarity is Polarity.AFFIRMED for fact in procedures)


def _case(
    document: Document,
    patient: PatientText,
    core: _Core,
    sentences: tuple[Sentence, ...],
    *,
    tabled: tuple[ConditionFact, ...] = (),
    alone: bool = False,
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
        condition=_conditions(patient, sentences, facts, tabled),
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
    patient: PatientText,
    sentences: tuple[Sentence, ...],
    facts: Sequence[ProcedureFact],
    tabled: tuple[ConditionFact, ...],
) -> tuple[ConditionFact, ...]:
    told = conditions.read(sentences, patient.number, facts, tabled)
    return told if patient.column is None else with_column(told, patient.column, patient.number)


def _with_column(number: int, column: Column, core: _Core) -> _Core:
    """What a table column says of the patient, where the running text does not say it."""
    index = next(fact for fact in core.procedures if fact.role == "index")
    told = column_cases.column_levels(column, index)
    timed = tuple(column_cases.with_onset(harm, column, told) for harm in core.harms)
    return _Core(
        procedures=tuple(told if fact is index else fact for fact in core.procedures),
        observations=_with_volume(core.observations, column_cases.column_volume(number, column, told)),
        harms=timed,
        end=core.end or column_cases.column_outcome(column),
    )


def _with_row(number: int, row: Row, core: _Core) -> _Core:
    """What the patient's row of the report's own table says, where the running text does not say it."""
    index = next(fact for fact in core.procedures if fact.role == "index")
    told = next((fact for fact in row_cases.row_procedures(number, row) if fact.role == "index"), None)
    if not index.level and told is not None and told.level:
        placed = msgspec.structs.replace(index, level=told.level)
        core = replace(core, procedures=tuple(placed if fact is index else fact for fact in core.procedures))
    known = {fact.kind.code for fact in core.observations}
    more = [fact for fact in row_cases.row_observations(number, row, (index,)) if fact.kind.code not in known]
    return replace(
        core,
        observations=(*core.observations, *more),
        end=core.end or row_outcome(row, operated=_operated(core.procedures)),
    )


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
