"""The logical model exists twice, as StructureDefinitions and as Python types; they agree, and hold every fact."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.mapping.map_input import MapInput
from fhir_service.reports.case_report import Coded, Level, Polarity, Relation, RelativeTime, Truth
from fhir_service.reports.span import SourceSpan
from fhir_service.validation.structure import findings

SEED_FACTS = Path(__file__).parents[3] / "shared" / "gold" / "seed-facts.json"
DEFINITION = DEFAULT_BASE + "/StructureDefinition/"
DATA_TYPES = (Coded, Level, RelativeTime, SourceSpan, Truth)
PRIMITIVES = {
    str: {"string", "code", "uri", "dateTime", "base64Binary"},
    int: {"integer", "positiveInt"},
    Decimal: {"decimal"},
    float: {"decimal"},
    bool: {"boolean"},
}
FILLED_BY_MAPPING = {"CaseReport.source", "CaseReport.extractor"}
"""Optional in the model, since a submission need not bring them; the maps always have them."""

WHERE = {
    "causality.clinician": "case.complication.cause",
    "causality.patient": "case.complication.cause",
    "citation": "case.remark",
    "complication.duration": "case.remark",
    "complication.infection": "case.observation",
    "complication.location": "case.complication.site",
    "complication.mechanism": "case.complication.cause",
    "complication.onset": "case.complication.onset",
    "complication.onset_detected": "case.complication.onset",
    "complication.recurrence": "case.observation",
    "complication.recurrence_interval": "case.observation.time",
    "complication.sequela": "case.condition",
    "complication.symptom": "case.condition",
    "complication.symptom_onset": "case.condition.time",
    "complication.trigger": "case.observation",
    "complication.type": "case.complication.kind",
    "consent": "case.remark",
    "death.cause": "case.complication.kind",
    "death.interval": "case.complication.onset",
    "demographics.age": "case.age",
    "demographics.nationality_or_ethnicity": "case.remark",
    "demographics.sex": "case.sex",
    "encounter.discharge": "case.remark.time",
    "encounter.transfer": "case.remark.time",
    "exam.finding": "case.observation",
    "followup.duration": "case.observation",
    "followup.visits": "case.remark.time",
    "function": "case.observation",
    "history.allergy": "case.remark",
    "history.condition": "case.condition",
    "history.interval": "case.procedure.time",
    "history.medication": "case.remark",
    "history.procedure": "case.procedure",
    "history.procedure_complication": "case.observation",
    "history.symptom": "case.condition",
    "imaging.finding": "case.observation.method",
    "indication.cause": "case.condition.cause",
    "indication.diagnosis": "case.condition.kind",
    "indication.etiology": "case.condition",
    "indication.level": "case.condition.level",
    "indication.reason": "case.procedure.detail",
    "measurement": "case.observation",
    "measurement.absent": "case.observation.absent",
    "measurement.summary": "case.observation",
    "medication": "case.remark",
    "neurogenic bladder or bowel": "case.condition",
    "outcome": "case.complication.outcome",
    "outcome.discharge": "case.remark",
    "outcome.imaging": "case.observation",
    "outcome.pain": "case.observation",
    "presentation.symptom": "case.condition",
    "procedure.index.anaesthesia": "case.procedure.detail",
    "procedure.index.approach": "case.procedure.detail",
    "procedure.index.cement_type": "case.procedure.cement",
    "procedure.index.cement_volume": "case.observation",
    "procedure.index.date": "case.procedure.time",
    "procedure.index.guidance": "case.procedure.detail",
    "procedure.index.location": "case.procedure.detail",
    "procedure.index.technique": "case.procedure.detail",
    "procedure.index.type": "case.procedure.kind",
    "reoperation": "case.procedure",
    "reoperation.approach": "case.procedure.detail",
    "reoperation.finding": "case.procedure.detail",
    "reoperation.interval": "case.procedure.time",
    "reoperation.procedure": "case.procedure",
    "reoperation.refusal_reason": "case.procedure.refusal",
    "reoperation.type": "case.procedure.kind",
    "report.date": "case.remark.time",
    "treatment": "case.remark",
}
"""Where each category of fact has its place."""

FIGURES = {
    "percent": "percent",
    "percent_as_written": "percent",
    "percent_low": "percentLow",
    "percent_high": "percentHigh",
    "numerator": "numerator",
    "denominator": "denominator",
    "denominator_as_written": "denominator",
    "count": "count",
    "mean": "mean",
    "before": "mean",
    "after": "mean",
    "low": "low",
    "high": "high",
    "unit": "unit",
    "about": "about",
    "population": "population",
}
"""Where each figure of a statement about a group has its place."""


class Shape(NamedTuple):
    """An element as either side says it: FHIR types that fit, whether it must be there, whether it repeats."""

    types: frozenset[str]
    required: bool
    repeats: bool


def shapes_of(struct: type, path: str) -> Iterator[tuple[str, Shape]]:
    """The elements that a Python type stands for."""
    for field in msgspec.structs.fields(struct):
        inner, optional, repeats = taken_apart(field.type)
        here = f"{path}.{field.encode_name}"
        required = field.required and not optional and here not in FILLED_BY_MAPPING
        if inner in DATA_TYPES:
            yield here, Shape(frozenset({DEFINITION + inner.__name__}), required, repeats)
        elif issubclass(inner, msgspec.Struct):
            yield here, Shape(frozenset({"BackboneElement"}), required, repeats)
            yield from shapes_of(inner, here)
        else:
            fitting = {"code"} if issubclass(inner, StrEnum) else PRIMITIVES[inner]
            yield here, Shape(frozenset(fitting), required, repeats)


def taken_apart(annotation: Any) -> tuple[type, bool, bool]:
    """The type itself, whether None is one too, whether it is a tuple of them."""
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], False, True
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        (inner,) = (part for part in typing.get_args(annotation) if part is not type(None))
        return inner, True, False
    return annotation, False, False


def elements(name: str) -> dict[str, dict[str, Any]]:
    model = catalogue().artifact(Kind.LOGICAL_MODEL, DEFINITION + name)
    return {entry["path"]: entry for entry in model["differential"]["element"]}


def agrees(defined: dict[str, Any], shape: Shape) -> bool:
    (code,) = (entry["code"] for entry in defined["type"])
    return code in shape.types and (defined["min"] == 1, defined["max"] == "*") == (shape.required, shape.repeats)


MODELS = [(MapInput, "CaseReport", "case-report")] + [
    (struct, struct.__name__, struct.__name__) for struct in DATA_TYPES
]


@pytest.mark.parametrize(("struct", "root", "name"), MODELS, ids=lambda value: value if isinstance(value, str) else "")
def test_definition_and_python_type_have_the_same_elements(struct: type, root: str, name: str) -> None:
    python, defined = dict(shapes_of(struct, root)), elements(name)
    assert python.keys() == defined.keys() - {root}
    assert [path for path, shape in python.items() if not agrees(defined[path], shape)] == []


@pytest.mark.parametrize(("enumeration", "value_set"), [(Polarity, "polarity"), (Relation, "relation")])
def test_enumerations_and_value_sets_have_the_same_codes(enumeration: type[StrEnum], value_set: str) -> None:
    compose = catalogue().artifact(Kind.VALUE_SET, f"{DEFAULT_BASE}/ValueSet/{value_set}")["compose"]
    (include,) = compose["include"]
    if "concept" not in include:
        include = catalogue().artifact(Kind.CODE_SYSTEM, include["system"])
    assert {entry["code"] for entry in include["concept"]} == set(enumeration)


def test_every_model_is_a_valid_structure_definition_and_says_what_each_element_is() -> None:
    for model in catalogue().artifacts(Kind.LOGICAL_MODEL).values():
        assert findings(model) == []
        assert (model["kind"], model["abstract"]) == ("logical", False)
        entries = model["differential"]["element"]
        assert [entry["path"] for entry in entries if not (entry.get("short") and entry.get("definition"))] == []
        assert len({entry["id"] for entry in entries}) == len(entries)


def test_every_fact_can_say_polarity_and_spans() -> None:
    holders = {path.rpartition(".")[0] for path in elements("case-report") if path.endswith(".id")}
    holders -= FILLED_BY_MAPPING | {"CaseReport.case"}
    assert [
        path for path in holders if not {f"{path}.polarity", f"{path}.span"} <= elements("case-report").keys()
    ] == []


@pytest.mark.skipif(not SEED_FACTS.is_file(), reason="the annotated facts lie outside the project")
def test_every_category_of_the_annotated_facts_has_its_place() -> None:
    gold = json.loads(SEED_FACTS.read_text("utf-8"))
    categories = {fact["category"] for case in gold["cases"] for fact in case["facts"]}
    assert categories - WHERE.keys() == set()
    polarities = {fact["polarity"] for case in gold["cases"] for fact in case["facts"]}
    assert polarities <= set(Polarity)


@pytest.mark.skipif(not SEED_FACTS.is_file(), reason="the annotated facts lie outside the project")
def test_every_figure_of_the_annotated_statements_has_its_place() -> None:
    gold = json.loads(SEED_FACTS.read_text("utf-8"))
    computed = {"percent_recomputed", "denominator_implied"}
    told_beside = {"id", "anchor", "note", "breakdown"}
    figures = {name for statement in gold["study_statistics"] for name in statement} - computed - told_beside
    assert figures <= FIGURES.keys()


def test_the_places_exist() -> None:
    defined = elements("case-report")
    for path in WHERE.values():
        stem, _, last = path.rpartition(".")
        assert f"CaseReport.{path}" in defined or f"CaseReport.{stem}.{last}" in defined
    assert {f"CaseReport.groupStatement.{name}" for name in FIGURES.values()} <= defined.keys()
